// SPDX-License-Identifier: Apache-2.0
//
// PostgreSQL's JDBC driver through Penstock, with its own defaults (it prepares on the server from the fifth time on).

import java.io.StringReader;
import java.io.StringWriter;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import org.postgresql.PGConnection;

public class Jdbc {
    interface Check {
        void run() throws Exception;
    }

    static int failed = 0;
    static Connection connection;

    public static void main(String[] arguments) throws Exception {
        connection = connect();
        check("connects", () -> expect("app", value("select current_user")));
        check("takes parameters", Jdbc::parameters);
        check("prepares on the server", Jdbc::prepares);
        check("commits and rolls back", Jdbc::transactions);
        check("goes on after an error", Jdbc::errors);
        check("sends batches", Jdbc::batches);
        check("fetches in portions", Jdbc::portions);
        check("copies in and out", Jdbc::copies);
        check("gives up in time", Jdbc::timeouts);
        check("keeps its settings", Jdbc::settings);
        check("reads the catalog", Jdbc::catalog);
        connection.close();
        System.exit(failed == 0 ? 0 : 1);
    }

    static Connection connect() throws Exception {
        URI url = new URI(System.getenv("DATABASE_URL"));
        String[] account = url.getRawUserInfo().split(":", 2);
        Properties properties = new Properties();
        properties.setProperty("user", URLDecoder.decode(account[0], StandardCharsets.UTF_8));
        properties.setProperty("password", URLDecoder.decode(account[1], StandardCharsets.UTF_8));
        return DriverManager.getConnection("jdbc:postgresql://" + url.getHost() + ":" + url.getPort() + url.getPath(), properties);
    }

    static void check(String name, Check what) {
        try {
            what.run();
            System.out.println("ok " + name);
        } catch (Throwable error) {
            failed++;
            System.out.println("not ok " + name + ": " + error);
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
        try (PreparedStatement statement = connection.prepareStatement("select ?::int + ?::int, ?::text")) {
            statement.setInt(1, 40);
            statement.setInt(2, 2);
            statement.setString(3, null);
            ResultSet rows = statement.executeQuery();
            rows.next();
            expect(42, rows.getInt(1));
            expect(true, rows.getString(2) == null);
        }
    }

    static void prepares() throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("select ?::int * 2")) {
            for (int number = 0; number < 30; number++) {
                statement.setInt(1, number);
                ResultSet rows = statement.executeQuery();
                rows.next();
                expect(number * 2, rows.getInt(1));
            }
        }
    }

    static void transactions() throws SQLException {
        execute("drop table if exists jdbc_t; create table jdbc_t(x int)");
        connection.setAutoCommit(false);
        execute("insert into jdbc_t values (1)");
        connection.commit();
        execute("insert into jdbc_t values (2)");
        connection.rollback();
        connection.setAutoCommit(true);
        expect("1", value("select count(*) from jdbc_t"));
    }

    static void errors() throws SQLException {
        try {
            value("select 1/0");
            throw new IllegalStateException("it did not fail");
        } catch (SQLException error) {
            expect("22012", error.getSQLState());
        }
        expect("1", value("select 1"));
    }

    static void batches() throws SQLException {
        execute("truncate jdbc_t");
        try (PreparedStatement statement = connection.prepareStatement("insert into jdbc_t values (?)")) {
            for (int number = 0; number < 1000; number++) {
                statement.setInt(1, number);
                statement.addBatch();
            }
            expect(1000, statement.executeBatch().length);
        }
        expect("499500", value("select sum(x) from jdbc_t"));
    }

    static void portions() throws SQLException {
        connection.setAutoCommit(false);
        long sum = 0;
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(50);
            ResultSet rows = statement.executeQuery("select generate_series(1, 1000)");
            while (rows.next()) {
                sum += rows.getInt(1);
            }
        }
        connection.commit();
        connection.setAutoCommit(true);
        expect(500500L, sum);
    }

    static void copies() throws Exception {
        execute("truncate jdbc_t");
        var copies = connection.unwrap(PGConnection.class).getCopyAPI();
        expect(3L, copies.copyIn("copy jdbc_t from stdin", new StringReader("1\n2\n3\n")));
        StringWriter out = new StringWriter();
        copies.copyOut("copy jdbc_t to stdout", out);
        expect("1\n2\n3\n", out.toString());
    }

    static void timeouts() throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            statement.executeQuery("select pg_sleep(30)");
            throw new IllegalStateException("it did not give up");
        } catch (SQLException error) {
            expect("57014", error.getSQLState());
        }
        expect("1", value("select 1"));
    }

    static void settings() throws SQLException {
        connection.setSchema("pg_catalog");
        connection.setClientInfo("ApplicationName", "jdbc test");
        expect("pg_catalog", connection.getSchema());
        expect("jdbc test", value("show application_name"));
        connection.setSchema("public");
    }

    static void catalog() throws SQLException {
        try (ResultSet tables = connection.getMetaData().getTables(null, "public", "jdbc_t", null)) {
            expect(true, tables.next());
        }
        execute("drop table jdbc_t");
    }
}
