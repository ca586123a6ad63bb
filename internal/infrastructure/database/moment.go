package database

import (
	"database/sql"
	"time"
)

// Time is the moment that a column holds, in microseconds since 1970; it is UTC.
func Time(us int64) time.Time { return time.UnixMicro(us).UTC() }

// TimeOrZero is Time of a column that may be empty: then it is the zero time.
func TimeOrZero(us sql.NullInt64) time.Time {
	if !us.Valid {
		return time.Time{}
	}
	return Time(us.Int64)
}

// Micros is what a column that may be empty holds of a moment; of the zero time it holds nothing.
func Micros(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}
