package taskstore

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/task"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
	"github.com/steward-mcp/steward/internal/infrastructure/taskstore/sqlcgen"
)

// demand is an access.Demand as it is stored.
type demand struct {
	Action  string   `json:"action"`
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	Aliases []string `json:"aliases,omitempty"`
	Tags    []string `json:"tags,omitempty"`
}

func demandsColumn(demands []access.Demand) (string, error) {
	stored := make([]demand, len(demands))
	for i, d := range demands {
		stored[i] = demand{string(d.Action), d.Target.Kind, d.Target.Name, d.Target.Aliases, d.Target.Tags}
	}
	return column(stored)
}

func toDemands(stored string) ([]access.Demand, error) {
	var all []demand
	if err := json.Unmarshal([]byte(stored), &all); err != nil {
		return nil, fmt.Errorf("read a task's demands: %w", err)
	}
	var demands []access.Demand
	for _, d := range all {
		demands = append(demands, access.On(access.Action(d.Action), d.Kind, d.Name, d.Aliases...).Tagged(d.Tags))
	}
	return demands, nil
}

func pendingColumn(pending task.Inputs) (string, error) {
	if pending == nil {
		pending = task.Inputs{}
	}
	return column(pending)
}

func column(value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("write a task: %w", err)
	}
	return string(text), nil
}

func toInsert(t *task.Task) (sqlcgen.InsertTaskParams, error) {
	s := t.Snapshot()
	demands, err := demandsColumn(s.Call.Demands)
	if err != nil {
		return sqlcgen.InsertTaskParams{}, err
	}
	pending, err := pendingColumn(s.Pending)
	return sqlcgen.InsertTaskParams{
		ID: s.ID.String(), Owner: s.Call.Owner, Tool: s.Call.Tool, Request: s.Call.Request.String(), Arguments: s.Call.Arguments,
		Demands: demands, Obliged: s.Call.Obliged, Runner: s.Call.Runner, State: string(s.State), CreatedUs: s.Created.UnixMicro(), UpdatedUs: s.Updated.UnixMicro(),
		TtlUs: s.Terms.TTL.Microseconds(), PollUs: s.Terms.Poll.Microseconds(), Pending: pending, Result: blob(s.Result), Size: t.Size(),
		Code: s.Failure.Code, Message: s.Failure.Message,
	}, err
}

// blob keeps SQLite from taking what is empty for NULL.
func blob(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

func toUpdate(t *task.Task) (sqlcgen.UpdateTaskParams, error) {
	s := t.Snapshot()
	pending, err := pendingColumn(s.Pending)
	return sqlcgen.UpdateTaskParams{
		State: string(s.State), UpdatedUs: s.Updated.UnixMicro(), Pending: pending, Result: blob(s.Result), Size: t.Size(),
		Code: s.Failure.Code, Message: s.Failure.Message, ID: s.ID.String(),
	}, err
}

func toTask(tid id.Task, row sqlcgen.Task) (*task.Task, error) {
	request, err := id.Parse[id.RequestKind](row.Request)
	if err != nil {
		return nil, fmt.Errorf("read a stored identifier: %w", err)
	}
	s := task.Snapshot{
		ID: tid,
		Call: task.Call{
			Owner: row.Owner, Tool: row.Tool, Request: request, Arguments: row.Arguments, Obliged: row.Obliged, Runner: row.Runner,
		},
		Terms: task.Terms{TTL: time.Duration(row.TtlUs) * time.Microsecond, Poll: time.Duration(row.PollUs) * time.Microsecond},
		State: task.State(row.State), Created: database.Time(row.CreatedUs), Updated: database.Time(row.UpdatedUs),
		Failure: task.Failure{Code: row.Code, Message: row.Message},
	}
	if len(row.Result) > 0 {
		s.Result = row.Result
	}
	if s.Call.Demands, err = toDemands(row.Demands); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(row.Pending), &s.Pending); err != nil {
		return nil, fmt.Errorf("read a task's questions: %w", err)
	}
	if len(s.Pending) == 0 {
		s.Pending = nil
	}
	return task.Restore(s)
}
