// SPDX-License-Identifier: Apache-2.0
//
// Go's database/sql with go-sql-driver/mysql: parameters always by prepared statements, as is its default.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

var (
	database *sql.DB
	failed   int
)

func main() {
	var err error
	database, err = sql.Open("mysql", dataSource())
	if err != nil {
		fmt.Println("not ok open:", err)
		os.Exit(1)
	}
	database.SetMaxOpenConns(10)
	check("connects", func() error { return database.Ping() })
	check("takes parameters", parameters)
	check("keeps prepared statements", prepared)
	check("commits and rolls back", transactions)
	check("learns of its last insert", lastInsert)
	check("goes on after an error", afterError)
	check("reads several results", severalResults)
	check("loads a local file", localFile)
	check("gives up by its context", givesUp)
	check("keeps its variables", variables)
	check("reads and writes large values", largeValues)
	check("serves many goroutines", manyAtOnce)
	database.Exec("drop table if exists go_mysql")
	if failed > 0 {
		os.Exit(1)
	}
}

func dataSource() string {
	address, err := url.Parse(os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Println("not ok DATABASE_URL:", err)
		os.Exit(1)
	}
	settings := mysql.NewConfig()
	settings.Net, settings.Addr = "tcp", address.Host
	settings.User = address.User.Username()
	settings.Passwd, _ = address.User.Password()
	settings.DBName = strings.TrimPrefix(address.Path, "/")
	settings.MultiStatements = true
	settings.MaxAllowedPacket = 0 // as the server says
	return settings.FormatDSN()
}

func check(name string, run func() error) {
	if err := run(); err != nil {
		failed++
		fmt.Printf("not ok %s: %v\n", name, err)
		return
	}
	fmt.Println("ok", name)
}

func expectInt(found, expected int) error {
	if found != expected {
		return fmt.Errorf("expected %d, found %d", expected, found)
	}
	return nil
}

func number(query string, arguments ...interface{}) (int, error) {
	var result int
	err := database.QueryRow(query, arguments...).Scan(&result)
	return result, err
}

func parameters() error {
	sum, err := number("select ? + ?", 40, 2)
	if err != nil {
		return err
	}
	var empty, text sql.NullString
	if err := database.QueryRow("select ?, ?", nil, "snow \u2603").Scan(&empty, &text); err != nil {
		return err
	}
	if empty.Valid || text.String != "snow \u2603" {
		return fmt.Errorf("the values became %v and %v", empty, text)
	}
	return expectInt(sum, 42)
}

func prepared() error {
	statement, err := database.Prepare("select cast(? as signed) * 2")
	if err != nil {
		return err
	}
	defer statement.Close()
	for n := 0; n < 50; n++ {
		var twice int
		if err := statement.QueryRow(n).Scan(&twice); err != nil {
			return err
		}
		if err := expectInt(twice, n*2); err != nil {
			return err
		}
	}
	return nil
}

func transactions() error {
	if _, err := database.Exec("drop table if exists go_mysql; create table go_mysql(id int auto_increment primary key, x int)"); err != nil {
		return err
	}
	for n, finish := range []func(*sql.Tx) error{(*sql.Tx).Commit, (*sql.Tx).Rollback} {
		transaction, err := database.BeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelSerializable})
		if err != nil {
			return err
		}
		if _, err := transaction.Exec("insert into go_mysql(x) values (?)", n); err != nil {
			return err
		}
		if err := finish(transaction); err != nil {
			return err
		}
	}
	count, err := number("select count(*) from go_mysql")
	if err != nil {
		return err
	}
	return expectInt(count, 1)
}

func lastInsert() error {
	result, err := database.Exec("insert into go_mysql(x) values (?), (?)", 7, 8)
	if err != nil {
		return err
	}
	id, _ := result.LastInsertId()
	changed, _ := result.RowsAffected()
	if err := expectInt(int(changed), 2); err != nil {
		return err
	}
	found, err := number("select x from go_mysql where id = ?", id)
	if err != nil {
		return err
	}
	return expectInt(found, 7)
}

func afterError() error {
	var failure *mysql.MySQLError
	if _, err := number("select * from nowhere"); !errors.As(err, &failure) || failure.Number != 1146 {
		return fmt.Errorf("a missing table gave %v", err)
	}
	one, err := number("select 1")
	if err != nil {
		return err
	}
	return expectInt(one, 1)
}

func severalResults() error {
	rows, err := database.Query("select 1; select 2; select 3")
	if err != nil {
		return err
	}
	defer rows.Close()
	for n := 1; ; n++ {
		var found int
		if !rows.Next() {
			return fmt.Errorf("result %d has no row", n)
		}
		if err := rows.Scan(&found); err != nil {
			return err
		}
		if err := expectInt(found, n); err != nil {
			return err
		}
		if !rows.NextResultSet() {
			return expectInt(n, 3)
		}
	}
}

func localFile() error {
	file, err := os.CreateTemp("", "rows")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	fmt.Fprint(file, "5\n6\n")
	file.Close()
	mysql.RegisterLocalFile(file.Name())
	result, err := database.Exec("load data local infile '" + file.Name() + "' into table go_mysql(x)")
	if err != nil {
		return err
	}
	count, _ := result.RowsAffected()
	return expectInt(int(count), 2)
}

func givesUp() error {
	limited, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if _, err := database.ExecContext(limited, "select sleep(5)"); err == nil {
		return errors.New("it was not given up")
	}
	one, err := number("select 1")
	if err != nil {
		return err
	}
	return expectInt(one, 1)
}

func variables() error {
	connection, err := database.Conn(context.Background())
	if err != nil {
		return err
	}
	defer connection.Close()
	if _, err := connection.ExecContext(context.Background(), "set @mine = 'kept', time_zone = '+02:00'"); err != nil {
		return err
	}
	var mine, zone string
	if err := connection.QueryRowContext(context.Background(), "select @mine, @@time_zone").Scan(&mine, &zone); err != nil {
		return err
	}
	if mine != "kept" || zone != "+02:00" {
		return fmt.Errorf("they became %q and %q", mine, zone)
	}
	return nil
}

func largeValues() error {
	length, err := number("select length(?)", strings.Repeat("x", 20000000))
	if err != nil {
		return err
	}
	if err := expectInt(length, 20000000); err != nil {
		return err
	}
	var text string
	if err := database.QueryRow("select repeat('y', 20000000)").Scan(&text); err != nil {
		return err
	}
	return expectInt(len(text), 20000000)
}

func manyAtOnce() error {
	var group sync.WaitGroup
	failures := make(chan error, 100)
	for n := 0; n < 100; n++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			found, err := number("select cast(? as signed)", n)
			if err == nil {
				err = expectInt(found, n)
			}
			failures <- err
		}(n)
	}
	group.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}
