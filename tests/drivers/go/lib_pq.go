// SPDX-License-Identifier: Apache-2.0
//
// Go's database/sql with lib/pq through Penstock.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/lib/pq"
)

var (
	database *sql.DB
	failed   int
)

func main() {
	var err error
	database, err = sql.Open("postgres", os.Getenv("DATABASE_URL")+"?sslmode=disable")
	if err != nil {
		fmt.Println("not ok open:", err)
		os.Exit(1)
	}
	database.SetMaxOpenConns(10)
	check("connects", func() error { return database.Ping() })
	check("takes parameters", parameters)
	check("keeps prepared statements", prepared)
	check("commits and rolls back", transactions)
	check("goes on after an error", afterError)
	check("copies in", copyIn)
	check("cancels by its context", cancels)
	check("keeps its settings", settings)
	check("serves many goroutines", manyAtOnce)
	check("hears notifications", notifications)
	database.Exec("drop table if exists go_t")
	if failed > 0 {
		os.Exit(1)
	}
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
	sum, err := number("select $1::int + $2::int", 40, 2)
	if err != nil {
		return err
	}
	var empty sql.NullString
	if err := database.QueryRow("select $1::text", nil).Scan(&empty); err != nil || empty.Valid {
		return fmt.Errorf("null became %v, %v", empty, err)
	}
	return expectInt(sum, 42)
}

func prepared() error {
	statement, err := database.Prepare("select $1::int * 2")
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
	if _, err := database.Exec("drop table if exists go_t; create table go_t(x int)"); err != nil {
		return err
	}
	for n, finish := range []func(*sql.Tx) error{(*sql.Tx).Commit, (*sql.Tx).Rollback} {
		transaction, err := database.Begin()
		if err != nil {
			return err
		}
		if _, err := transaction.Exec("insert into go_t values ($1)", n); err != nil {
			return err
		}
		if err := finish(transaction); err != nil {
			return err
		}
	}
	count, err := number("select count(*) from go_t")
	if err != nil {
		return err
	}
	return expectInt(count, 1)
}

func afterError() error {
	var failure *pq.Error
	if _, err := number("select 1/0"); !errors.As(err, &failure) || failure.Code != "22012" {
		return fmt.Errorf("division by zero gave %v", err)
	}
	one, err := number("select 1")
	if err != nil {
		return err
	}
	return expectInt(one, 1)
}

func copyIn() error {
	transaction, err := database.Begin()
	if err != nil {
		return err
	}
	statement, err := transaction.Prepare(pq.CopyIn("go_t", "x"))
	if err != nil {
		return err
	}
	for n := 0; n < 1000; n++ {
		if _, err := statement.Exec(n); err != nil {
			return err
		}
	}
	if _, err := statement.Exec(); err != nil {
		return err
	}
	if err := statement.Close(); err != nil {
		return err
	}
	if err := transaction.Commit(); err != nil {
		return err
	}
	count, err := number("select count(*) from go_t")
	if err != nil {
		return err
	}
	return expectInt(count, 1001)
}

func cancels() error {
	limited, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if _, err := database.ExecContext(limited, "select pg_sleep(30)"); err == nil {
		return errors.New("it was not cancelled")
	}
	one, err := number("select 1")
	if err != nil {
		return err
	}
	return expectInt(one, 1)
}

func settings() error {
	connection, err := database.Conn(context.Background())
	if err != nil {
		return err
	}
	defer connection.Close()
	if _, err := connection.ExecContext(context.Background(), "set work_mem = '99kB'"); err != nil {
		return err
	}
	var found string
	if err := connection.QueryRowContext(context.Background(), "show work_mem").Scan(&found); err != nil || found != "99kB" {
		return fmt.Errorf("work_mem is %q, %v", found, err)
	}
	return nil
}

func manyAtOnce() error {
	var group sync.WaitGroup
	failures := make(chan error, 100)
	for n := 0; n < 100; n++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			found, err := number("select $1::int", n)
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

func notifications() error {
	listener := pq.NewListener(os.Getenv("DATABASE_URL")+"?sslmode=disable", time.Second, time.Second, nil)
	defer listener.Close()
	if err := listener.Listen("go_news"); err != nil {
		return err
	}
	if _, err := database.Exec("notify go_news, 'hello'"); err != nil {
		return err
	}
	for {
		select {
		case message := <-listener.Notify:
			if message != nil && message.Extra == "hello" {
				return nil
			}
		case <-time.After(5 * time.Second):
			return errors.New("nothing was heard")
		}
	}
}
