<?php
// SPDX-License-Identifier: Apache-2.0
//
// PHP's PDO (statements prepared by the client, its default, and on the server) and mysqli.

$address = parse_url(getenv("DATABASE_URL"));
$user = rawurldecode($address["user"]);
$password = rawurldecode($address["pass"]);
$name = ltrim($address["path"], "/");
$failed = 0;

function check(string $name, callable $what): void
{
    global $failed;
    try {
        $what();
        echo "ok $name\n";
    } catch (Throwable $error) {
        $failed++;
        echo "not ok $name: ", str_replace("\n", " | ", (string) $error), "\n";
    }
}

function expect(mixed $expected, mixed $found): void
{
    if ($expected !== $found) {
        throw new Exception("expected " . var_export($expected, true) . ", found " . var_export($found, true));
    }
}

function pdo(array $options): PDO
{
    global $address, $user, $password, $name;
    return new PDO("mysql:host={$address['host']};port={$address['port']};dbname=$name;charset=utf8mb4", $user, $password,
        $options + [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::MYSQL_ATTR_LOCAL_INFILE => true]);
}

function value(PDO $pdo, string $sql, array $parameters = []): mixed
{
    $statement = $pdo->prepare($sql);
    $statement->execute($parameters);
    $found = $statement->fetchColumn();
    $statement->closeCursor();
    return $found;
}

function play_pdo(PDO $pdo, string $how): void
{
    check("connects$how", fn() => expect(1, preg_match("/^app@/", value($pdo, "select current_user()"))));
    check("takes parameters$how", function () use ($pdo) {
        expect(42, (int) value($pdo, "select cast(? as signed) + ?", [40, 2]));
        expect("snow \u{2603} and a quote '", value($pdo, "select ?", ["snow \u{2603} and a quote '"]));
        expect(null, value($pdo, "select ?", [null]));
    });
    check("repeats a prepared statement$how", function () use ($pdo) {
        $statement = $pdo->prepare("select cast(? as signed) * 2");
        for ($n = 0; $n < 50; $n++) {
            $statement->execute([$n]);
            expect($n * 2, (int) $statement->fetchColumn());
            $statement->closeCursor();
        }
    });
    check("commits and rolls back$how", function () use ($pdo) {
        $pdo->exec("drop table if exists php_t");
        $pdo->exec("create table php_t(id int auto_increment primary key, x int)");
        $pdo->beginTransaction();
        $pdo->exec("insert into php_t(x) values (1)");
        $pdo->commit();
        $pdo->beginTransaction();
        $pdo->exec("insert into php_t(x) values (2)");
        $pdo->rollBack();
        expect(1, (int) value($pdo, "select count(*) from php_t"));
    });
    check("learns of its last insert$how", function () use ($pdo) {
        $pdo->prepare("insert into php_t(x) values (?)")->execute([7]);
        expect(7, (int) value($pdo, "select x from php_t where id = ?", [$pdo->lastInsertId()]));
    });
    check("goes on after an error$how", function () use ($pdo) {
        try {
            $pdo->query("select * from nowhere");
            throw new Exception("it did not fail");
        } catch (PDOException $error) {
            expect("42S02", $error->getCode());
        }
        expect(1, (int) value($pdo, "select 1"));
    });
    check("reads several results$how", function () use ($pdo) {
        $pdo->exec("drop procedure if exists php_p");
        $pdo->exec("create procedure php_p() begin select 1; select 2; end");
        $statement = $pdo->query("call php_p()");
        expect(1, (int) $statement->fetchColumn());
        expect(true, $statement->nextRowset());
        expect(2, (int) $statement->fetchColumn());
        $statement->closeCursor();
        $pdo->exec("drop procedure php_p");
    });
    check("keeps its variables$how", function () use ($pdo) {
        $pdo->exec("set @mine = 'kept', time_zone = '+02:00'");
        expect("kept+02:00", value($pdo, "select concat(@mine, @@time_zone)"));
    });
    check("loads a local file$how", function () use ($pdo) {
        $path = tempnam(sys_get_temp_dir(), "rows");
        file_put_contents($path, "5\n6\n");
        expect(2, $pdo->exec("load data local infile " . $pdo->quote($path) . " into table php_t(x)"));
        unlink($path);
    });
    check("reads rows as they come$how", function () use ($pdo) {
        $pdo->setAttribute(PDO::MYSQL_ATTR_USE_BUFFERED_QUERY, false);
        $sum = 0;
        foreach ($pdo->query("with recursive n(x) as (select 0 union all select x + 1 from n where x < 999) select x from n") as $row) {
            $sum += $row[0];
        }
        expect(499500, $sum);
        $pdo->setAttribute(PDO::MYSQL_ATTR_USE_BUFFERED_QUERY, true);
    });
    $pdo->exec("drop table if exists php_t");
}

play_pdo(pdo([]), "");
play_pdo(pdo([PDO::ATTR_EMULATE_PREPARES => false]), ", prepared on the server");
check("keeps a persistent connection", function () {
    for ($n = 0; $n < 3; $n++) {
        expect($n, (int) value(pdo([PDO::ATTR_PERSISTENT => true]), "select $n"));
    }
});
check("mysqli", function () use ($address, $user, $password, $name) {
    mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
    $link = new mysqli($address["host"], $user, $password, $name, $address["port"]);
    expect("3", $link->execute_query("select cast(? as signed) + 1", [2])->fetch_row()[0] . "");
    $link->multi_query("select 1; select 2");
    expect("1", $link->store_result()->fetch_row()[0]);
    $link->next_result();
    expect("2", $link->store_result()->fetch_row()[0]);
    expect(true, $link->change_user($user, $password, "other"));
    expect("other", $link->query("select database()")->fetch_row()[0]);
    expect(true, $link->ping());
    expect(1, preg_match("/Uptime/", $link->stat()));
    $link->close();
});
exit($failed ? 1 : 0);
