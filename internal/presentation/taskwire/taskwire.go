// Package taskwire is how tasks look on the wire: the extension io.modelcontextprotocol/tasks of revision 2026-07-28 (SEP-2663).
package taskwire

import (
	"encoding/json"
	"time"

	"github.com/steward-mcp/steward/internal/domain/task"
	"github.com/steward-mcp/steward/internal/presentation/mrtr"
)

// Extension is the name of the extension, as clients and servers declare it.
const Extension = "io.modelcontextprotocol/tasks"

// The methods of the extension. There is no list, so that nobody can look for what is not theirs.
const (
	Get    = "tasks/get"
	Update = "tasks/update"
	Cancel = "tasks/cancel"
)

// IsMethod reports whether the method is one of the extension's.
func IsMethod(method string) bool { return method == Get || method == Update || method == Cancel }

// Declared reports whether a client declares the extension among its capabilities.
func Declared(capabilities json.RawMessage) bool {
	var c struct {
		Extensions map[string]json.RawMessage `json:"extensions"`
	}
	if json.Unmarshal(capabilities, &c) != nil {
		return false
	}
	declared, ok := c.Extensions[Extension]
	return ok && string(declared) != "null"
}

// Required is what a client would have to declare, as the data of an error names it.
func Required() map[string]any {
	return map[string]any{"extensions": map[string]any{Extension: struct{}{}}}
}

// Params are those of the methods.
type Params struct {
	TaskID    string          `json:"taskId"`
	Responses json.RawMessage `json:"inputResponses"`
}

// Read takes params apart; what is of another shape names no task.
func Read(params json.RawMessage) Params {
	var p Params
	_ = json.Unmarshal(params, &p)
	return p
}

// Answers are the responses that can be read, each by itself. The others are as good as none: the task goes on asking.
func (p Params) Answers() (task.Inputs, bool) {
	var all map[string]json.RawMessage
	if json.Unmarshal(p.Responses, &all) != nil || all == nil {
		return nil, false
	}
	answers := task.Inputs{}
	for key, response := range all {
		if one, err := json.Marshal(map[string]json.RawMessage{key: response}); err == nil && readable(one) {
			answers[key] = response
		}
	}
	return answers, true
}

func readable(one json.RawMessage) bool {
	_, err := mrtr.ReadAnswers(one)
	return err == nil
}

// Created is the result of a call that has become a task.
func Created(s task.Snapshot, meta any) map[string]any {
	result := envelope(s, meta)
	result["resultType"] = "task"
	return result
}

// Detailed is the result of tasks/get. A failed task has an error as its call would have had one.
func Detailed(s task.Snapshot, code int, meta any) map[string]any {
	result := envelope(s, meta)
	result["resultType"] = complete
	switch s.State {
	case task.InputRequired:
		result["inputRequests"] = s.Pending
	case task.Completed:
		result["result"] = json.RawMessage(s.Result)
	case task.Failed:
		result["statusMessage"] = s.Failure.Message
		result["error"] = map[string]any{
			"code": code, "message": s.Failure.Message,
			"data": map[string]any{"code": s.Failure.Code, "message": s.Failure.Message, "request_id": s.Call.Request.String()},
		}
	case task.Working, task.Cancelled:
	}
	return result
}

// Acknowledged is the result of tasks/update and tasks/cancel.
func Acknowledged(meta any) map[string]any {
	return map[string]any{"resultType": complete, "_meta": meta}
}

const complete = "complete"

func envelope(s task.Snapshot, meta any) map[string]any {
	return map[string]any{
		"taskId": s.ID.String(), "status": string(s.State), "_meta": meta,
		"createdAt": moment(s.Created), "lastUpdatedAt": moment(s.Updated),
		"ttlMs": s.Terms.TTL.Milliseconds(), "pollIntervalMs": s.Terms.Poll.Milliseconds(),
	}
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
