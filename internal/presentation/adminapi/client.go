package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/steward-mcp/steward/internal/application/identityapp"
)

// Client asks a running server. Its errors are for people, and repeat what the server said.
type Client struct {
	Address string // host:port of the operators' listener
	Key     string // whose holder is permitted what is asked
	HTTP    *http.Client
}

// maxAnswer bounds what is read of an answer: some 200,000 keys.
const maxAnswer = 128 << 20

// Create asks for a key.
func (c Client) Create(ctx context.Context, k NewKey) (made Secret, err error) {
	return made, c.ask(ctx, http.MethodPost, keysPath, k, &made)
}

// List gives all keys, or those that were not used for so long.
func (c Client) List(ctx context.Context, unused time.Duration) ([]identityapp.Key, error) {
	path := keysPath
	if unused > 0 {
		path += "?unused=" + unused.String()
	}
	var all Keys
	err := c.ask(ctx, http.MethodGet, path, nil, &all)
	return all.Keys, err
}

// Rotate asks for another secret.
func (c Client) Rotate(ctx context.Context, id string, r Rotation) (made Secret, err error) {
	return made, c.ask(ctx, http.MethodPost, keysPath+"/"+url.PathEscape(id)+"/rotate", r, &made)
}

// Revoke ends a key.
func (c Client) Revoke(ctx context.Context, id string) (k identityapp.Key, err error) {
	return k, c.ask(ctx, http.MethodPost, keysPath+"/"+url.PathEscape(id)+"/revoke", nil, &k)
}

func (c Client) ask(ctx context.Context, method, path string, body, into any) error {
	written, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+c.Address+path, bytes.NewReader(written))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+c.Key)
	r.Header.Set("Content-Type", "application/json")
	response, err := c.HTTP.Do(r)
	if err != nil {
		return fmt.Errorf("ask the running server: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the running server's answer: %w", err)
	}
	if response.StatusCode == http.StatusOK {
		return json.Unmarshal(answer, into)
	}
	var refusal struct {
		Error struct {
			Message string `json:"message"`
			Request string `json:"request_id"`
		} `json:"error"`
	}
	if json.Unmarshal(answer, &refusal) != nil || refusal.Error.Message == "" {
		return fmt.Errorf("the running server answers %s", response.Status)
	}
	return errors.New(refusal.Error.Message + " (request " + refusal.Error.Request + ")")
}
