// SPDX-License-Identifier: Apache-2.0
//
// MariaDB Connector/J with its own defaults, and again with prepared statements on the server and with compression.

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.util.Properties;

public class MariaDbJdbc {
    interface Check {
        void run() throws Exception;
    }

    static int failed = 0;
    static String variant = "";
    static Connection connection;

    public static void main(String[] arguments) throws Exception {
        play("", "");
        play(", prepared on the server", "useServerPrepStmts=true");
        play(", compressed", "useCompression=true");
        System.exit(failed == 0 ? 0 : 1);
    }

    static void play(String name, String options) throws Exception {
        variant = name;
        connection = connect(options);
        check("connects", () -> expect(true, value("select current_user()").startsWith("app@")));
        check("takes parameters", MariaDbJdbc::parameters);
        check("repeats a prepared statement", MariaDbJdbc::prepares);
        check("commits and rolls back", MariaDbJdbc::transactions);
        check("learns of generated keys", MariaDbJdbc::generatedKeys);
        check("goes on after an error", MariaDbJdbc::errors);
        check("sends batches", MariaDbJdbc::batches);
        check("fetches in portions", MariaDbJdbc::portions);
        check("calls a procedure", MariaDbJdbc::procedures);
        check("gives up in time", MariaDbJdbc::timeouts);
        check("keeps its settings", MariaDbJdbc::settings);
        check("reads the catalog", MariaDbJdbc::catalog);
        check("reads and writes large values", MariaDbJdbc::largeValues);
        execute("drop table if exists jdbc_maria");
        execute("drop procedure if exists jdbc_maria_p");
        connection.close();
    }

    static Connection connect(String options) throws Exception {
        URI url = new URI(System.getenv("DATABASE_URL"));
        String[] account = url.getRawUserInfo().split(":", 2);
        Properties properties = new Properties();
        properties.setProperty("user", URLDecoder.decode(account[0], StandardCharsets.UTF_8));
        properties.setProperty("password", URLDecoder.decode(account[1], StandardCharsets.UTF_8));
        return DriverManager.getConnection("jdbc:mariadb://" + url.getHost() + ":" + url.getPort() + url.getPath()
            + "?allowPublicKeyRetrieval=true&" + options, properties);
    }

    static void check(String name, Check what) {
        try {
            what.run();
            System.out.println("ok " + name + variant);
        } catch (Throwable error) {
            failed++;
            System.out.println("not ok " + name + variant + ": " + error.toString().replace('\n', '|'));
        }
    }

    static void expect(Object expected, Object found) {
        if (!expected.equals(found)) {
            throw new IllegalStateException("expected " + expected + ", found " + found);
        }
    }

    static String value(String sql) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }

    static void execute(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    static void parameters() throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("select cast(? as signed) + ?, ?, ?")) {
            statement.setInt(1, 40);
            statement.setInt(2, 2);
            statement.setString(3, null);
            statement.setString(4, "snow \u2603");
            ResultSet rows = statement.executeQuery();
            rows.next();
            expect(42, rows.getInt(1));
            expect(true, rows.getString(2) == null);
            expect("snow \u2603", rows.getString(3));
        }
    }

    static void prepares() throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("select cast(? as signed) * 2")) {
            for (int number = 0; number < 30; number++) {
                statement.setInt(1, number);
                ResultSet rows = statement.executeQuery();
                rows.next();
                expect(number * 2, rows.getInt(1));
            }
        }
    }

    static void transactions() throws SQLException {
        execute("drop table if exists jdbc_maria");
        execute("create table jdbc_maria(id int auto_increment primary key, x int)");
        connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
        connection.setAutoCommit(false);
        execute("insert into jdbc_maria(x) values (1)");
        connection.commit();
        execute("insert into jdbc_maria(x) values (2)");
        connection.rollback();
        connection.setAutoCommit(true);
        expect(Connection.TRANSACTION_SERIALIZABLE, connection.getTransactionIsolation());
        connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        expect("1", value("select count(*) from jdbc_maria"));
    }

    static void generatedKeys() throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("insert into jdbc_maria(x) values (?)",
                Statement.RETURN_GENERATED_KEYS)) {
            statement.setInt(1, 77);
            expect(1, statement.executeUpdate());
            ResultSet keys = statement.getGeneratedKeys();
            keys.next();
            expect("77", value("select x from jdbc_maria where id = " + keys.getLong(1)));
        }
    }

    static void errors() throws SQLException {
        try {
            value("select * from nowhere");
            throw new IllegalStateException("it did not fail");
        } catch (SQLException error) {
            expect("42S02", error.getSQLState());
            expect(1146, error.getErrorCode());
        }
        expect("1", value("select 1"));
    }

    static void batches() throws SQLException {
        execute("truncate jdbc_maria");
        try (PreparedStatement statement = connection.prepareStatement("insert into jdbc_maria(x) values (?)")) {
            for (int number = 0; number < 1000; number++) {
                statement.setInt(1, number);
                statement.addBatch();
            }
            expect(1000, statement.executeBatch().length);
        }
        expect("499500", value("select sum(x) from jdbc_maria"));
    }

    static void portions() throws SQLException {
        long sum = 0;
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(50);
            ResultSet rows = statement.executeQuery("select x from jdbc_maria");
            while (rows.next()) {
                sum += rows.getInt(1);
            }
        }
        expect(499500L, sum);
    }

    static void procedures() throws SQLException {
        execute("drop procedure if exists jdbc_maria_p");
        execute("create procedure jdbc_maria_p(in a int, out b int) begin select a * 10; set b = a + 1; end");
        try (CallableStatement call = connection.prepareCall("{call jdbc_maria_p(?, ?)}")) {
            call.setInt(1, 41);
            call.registerOutParameter(2, Types.INTEGER);
            expect(true, call.execute());
            ResultSet rows = call.getResultSet();
            rows.next();
            expect(410, rows.getInt(1));
            expect(42, call.getInt(2));
        }
    }

    static void timeouts() throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            statement.executeQuery("select x, sleep(1) from jdbc_maria");
            throw new IllegalStateException("it was not given up");
        } catch (SQLException error) {
            expect("1", value("select 1"));
        }
    }

    static void settings() throws SQLException {
        execute("set @mine = 'kept', sql_mode = 'ANSI_QUOTES'");
        expect("kept", value("select @mine"));
        expect("ANSI_QUOTES", value("select @@sql_mode"));
        execute("set sql_mode = default");
        connection.setCatalog("other");
        expect("other", value("select database()"));
        connection.setCatalog("app");
    }

    static void catalog() throws SQLException {
        ResultSet tables = connection.getMetaData().getTables("app", null, "jdbc_maria", null);
        expect(true, tables.next());
        ResultSet columns = connection.getMetaData().getColumns("app", null, "jdbc_maria", "%");
        expect(true, columns.next() && columns.next());
    }

    static void largeValues() throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("select length(?), repeat('y', 20000000)")) {
            statement.setString(1, "x".repeat(20000000));
            ResultSet rows = statement.executeQuery();
            rows.next();
            expect(20000000, rows.getInt(1));
            expect(20000000, rows.getString(2).length());
        }
    }
}
