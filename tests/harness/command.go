package harness

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
)

// Output is what a command came to.
type Output struct {
	Stdout, Stderr string
	Code           int
}

// Command runs a program to its end. env is added to Environment. An exit code that is not 0 is no error here.
func Command(ctx context.Context, dir string, env []string, program string, args ...string) (Output, error) {
	c := exec.CommandContext(ctx, program, args...)
	c.Dir, c.Env = dir, append(Environment(), env...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	out := Output{Stdout: stdout.String(), Stderr: stderr.String(), Code: c.ProcessState.ExitCode()}
	if _, ended := errors.AsType[*exec.ExitError](err); ended && out.Code > 0 {
		err = nil
	}
	return out, err
}
