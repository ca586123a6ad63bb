// Package databasetest opens databases for the tests of what is kept in them.
package databasetest

import (
	"testing"

	"github.com/steward-mcp/steward/internal/infrastructure/database"
)

// Open opens the database at path, with every migration made. It is closed with the test, if the test has not done it.
func Open(t testing.TB, path string) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}
