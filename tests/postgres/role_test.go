package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/tests/harness"
)

// TestRole_ReadsWhatTheModelsReadAndDoesNothingElse holds the operations guide to its word.
func TestRole_ReadsWhatTheModelsReadAndDoesNothingElse(t *testing.T) {
	if _, err := lab.owner.Run(t.Context(), "create schema private; create table private.salaries as select 1 as salary"); err != nil {
		t.Fatal(err)
	}
	if _, err := lab.steward.Run(t.Context(), "delete from marts.people"); err == nil || !strings.Contains(err.Error(), "read-only transaction") {
		t.Errorf("deleting: %v", err)
	}
	// That sessions begin read-only is a convenience; the role may change it, and still has no right to anything.
	for statement, reason := range map[string]string{
		"insert into marts.people select * from marts.people": "permission denied",
		"update marts.people set name = ''":                   "permission denied",
		"delete from marts.people":                            "permission denied",
		"truncate marts.people":                               "permission denied",
		"drop table marts.people":                             "must be owner",
		"create table marts.mine (n int)":                     "permission denied",
		"create table public.mine (n int)":                    "permission denied",
		"create temporary table mine (n int)":                 "permission denied",
		"create schema mine":                                  "permission denied",
		"select * from private.salaries":                      "permission denied",
		"copy marts.people to program 'cat'":                  "must be superuser",
		"select pg_read_file('PG_VERSION')":                   "permission denied",
		"set role postgres":                                   "permission denied",
	} {
		_, err := lab.steward.Run(t.Context(), "set default_transaction_read_only = off;\n"+statement)
		if err == nil || !strings.Contains(err.Error(), reason) && !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v, want %q", statement, err, reason)
		}
	}
	if got, err := lab.steward.Run(t.Context(), "select count(*) from marts.people"); err != nil || got != "15" {
		t.Errorf("reading: %q, %v", got, err)
	}
}

// TestRole_StillReadsWhatABuildMadeAnew: dbt replaces the tables, and with them whatever was granted on them.
func TestRole_StillReadsWhatABuildMadeAnew(t *testing.T) {
	before, err := lab.owner.Run(t.Context(), "select 'marts.people'::regclass::oid")
	if err != nil {
		t.Fatal(err)
	}
	if err := build(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after, err := lab.owner.Run(t.Context(), "select 'marts.people'::regclass::oid"); err != nil || after == before {
		t.Fatalf("the build has left the table as it was (%v), so that nothing is proved", err)
	}
	asked(t, lab.client, map[string]any{"metrics": []string{"people"}})
}

// TestSession_IsCalledByItsName: whoever looks at the database sees whose statements these are.
func TestSession_IsCalledByItsName(t *testing.T) {
	asked(t, lab.client, map[string]any{"metrics": []string{"people"}})
	got, err := lab.owner.Run(t.Context(), `select distinct application_name, current_setting('statement_timeout')
		from pg_stat_activity where usename = 'steward'`)
	if err != nil || !strings.HasPrefix(got, "steward|") || strings.Contains(got, "\n") {
		t.Errorf("sessions of %q, %v", got, err)
	}
}

// TestEngine_SaysWhatItCannotDoOnPostgres: its refusal is for whoever asks, in its own words.
func TestEngine_SaysWhatItCannotDoOnPostgres(t *testing.T) {
	asked(t, lab.client, map[string]any{"metrics": []string{"median"}})
	_, err := lab.client.Tool(t.Context(), "query", map[string]any{"metrics": []string{"near_median"}}, nil)
	f, ok := errors.AsType[*harness.Failure](err)
	if !ok || f.Code != "metric.question" || !strings.Contains(f.Message, "not supported for Postgres") {
		t.Errorf("refused with %v", err)
	}
}
