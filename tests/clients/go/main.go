// What clickhouse-go is told over HTTP, opened and asked as Grafana's plugin does it: through
// database/sql, with max_execution_time on every query. Arguments: address, user, password.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

type refusal struct {
	Error string `json:"error"`
	Code  int32  `json:"code"`
}

func open(address, user, password string, method clickhouse.CompressionMethod) *sql.DB {
	return clickhouse.OpenDB(&clickhouse.Options{
		Addr:        []string{address},
		Auth:        clickhouse.Auth{Database: "pub", Username: user, Password: password},
		Protocol:    clickhouse.HTTP,
		Compression: &clickhouse.Compression{Method: method},
		DialTimeout: 10 * time.Second,
		ReadTimeout: 20 * time.Second,
		Settings:    clickhouse.Settings{"max_execution_time": 60},
		ClientInfo: clickhouse.ClientInfo{Products: []struct{ Name, Version string }{
			{Name: "grafana", Version: "13"},
		}},
	})
}

func figures(db *sql.DB, query string, given ...any) (any, error) {
	answer, err := db.QueryContext(context.Background(), query, given...)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	rows := [][]any{}
	for answer.Next() {
		var name string
		var value *int64
		if err := answer.Scan(&name, &value); err != nil {
			return nil, err
		}
		rows = append(rows, []any{name, value})
	}
	return rows, answer.Err()
}

func main() {
	address, user, password := os.Args[1], os.Args[2], os.Args[3]
	told := map[string]any{}
	step := func(name string, ask func() (any, error)) {
		found, err := ask()
		if err == nil {
			told[name] = found
			return
		}
		var refused *clickhouse.Exception
		code := int32(0)
		if errors.As(err, &refused) {
			code = refused.Code
		}
		told[name] = refusal{err.Error(), code}
	}
	arrests := "SELECT region, obs_value FROM events_by_kind_vintages WHERE release = 1 " +
		"AND time_period = ? AND kind = ? ORDER BY region"
	for name, method := range map[string]clickhouse.CompressionMethod{
		"plain": clickhouse.CompressionNone, "lz4": clickhouse.CompressionLZ4,
		"zstd": clickhouse.CompressionZSTD, "gzip": clickhouse.CompressionGZIP,
	} {
		db := open(address, user, password, method)
		step(name+" ping", func() (any, error) { return true, db.Ping() })
		step(name+" figures", func() (any, error) { return figures(db, arrests, "2025", "arrest") })
		step(name+" many", func() (any, error) {
			return figures(db, "SELECT 'n', toNullable(toInt64(count())) FROM (SELECT arrayJoin(range(300000)))")
		})
		step(name+" raw", func() (any, error) {
			return figures(db, "SELECT toString(event_id), toNullable(toInt64(1)) FROM raw.facts")
		})
		db.Close()
	}
	db := open(address, user, password, clickhouse.CompressionLZ4)
	step("series", func() (any, error) {
		answer, err := db.Query("SELECT toDateTime('2026-01-01 00:00:00', 'UTC') AS time, region, obs_value " +
			"FROM events_by_kind_vintages WHERE release = 1 AND kind = 'total' AND time_period = '2025-Q1' LIMIT 1")
		if err != nil {
			return nil, err
		}
		defer answer.Close()
		types, err := answer.ColumnTypes()
		if err != nil {
			return nil, err
		}
		names := []string{}
		for _, kind := range types {
			names = append(names, kind.DatabaseTypeName())
		}
		return names, nil
	})
	step("insert", func() (any, error) {
		_, err := db.Exec("INSERT INTO pub.releases (release) VALUES (9)")
		return "inserted", err
	})
	db.Close()
	step("login", func() (any, error) { return true, open(address, user, "another", clickhouse.CompressionLZ4).Ping() })
	if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
		panic(err)
	}
}
