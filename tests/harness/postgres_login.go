package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// PostgresLogin is one user's way into one database of a server. Copy it and change what is to be another.
type PostgresLogin struct {
	Host     string
	Port     int
	User     string
	Password string
	Database string

	programs string // folder of the server's programs
}

// Env gives the login as environment variables whose names begin with prefix: HOST, PORT, USER, PASSWORD, DATABASE.
// With the prefix PG they are those of PostgreSQL's own clients.
func (l PostgresLogin) Env(prefix string) []string {
	return []string{
		prefix + "HOST=" + l.Host, prefix + "PORT=" + strconv.Itoa(l.Port), prefix + "USER=" + l.User,
		prefix + "PASSWORD=" + l.Password, prefix + "DATABASE=" + l.Database,
	}
}

// Names lists the names of variables.
func Names(env []string) []string {
	names := make([]string, len(env))
	for i, variable := range env {
		names[i], _, _ = strings.Cut(variable, "=")
	}
	return names
}

// Run runs an SQL script to its first error and gives what it answered: a line a row, values apart by "|".
func (l PostgresLogin) Run(ctx context.Context, script string) (string, error) {
	c := exec.CommandContext(ctx, filepath.Join(l.programs, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-")
	c.Env = append(Environment(), l.Env("PG")...)
	c.Stdin = strings.NewReader(script)
	var errText bytes.Buffer
	c.Stderr = &errText
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("psql: %w\n%s", err, errText.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

// Create makes an empty database and gives the same user's way into it. The name is taken as it is.
func (l PostgresLogin) Create(ctx context.Context, database string) (PostgresLogin, error) {
	_, err := l.Run(ctx, "create database "+database)
	l.Database = database
	return l, err
}

// SQL runs statements past everything that is under test and gives the rows of each, as Demo.SQL does.
func (l PostgresLogin) SQL(ctx context.Context, d Demo, statements ...string) ([][][]any, error) {
	input, err := json.Marshal(statements)
	if err != nil {
		return nil, err
	}
	out, err := d.run(ctx, connectPostgres+asker, bytes.NewReader(input), l.Env("PG"))
	if err != nil {
		return nil, err
	}
	var answers [][][]any
	return answers, Decode(out, &answers)
}
