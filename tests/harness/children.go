package harness

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Process is one line of the process table.
type Process struct {
	PID, Parent, Group int
	State              string // R, S, T, Z, …; see proc(5)
}

// Children lists the processes whose parent is pid. It needs /proc.
func Children(pid int) ([]Process, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		return nil, errors.Join(errors.New("there is no process table in /proc"), err)
	}
	var all []Process
	for _, file := range files {
		p, err := readProcess(file)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if p.Parent == pid {
			all = append(all, p)
		}
	}
	return all, nil
}

// FindProcess gives the line of one process; ok is false when there is none, or only what nobody has reaped yet.
func FindProcess(pid int) (p Process, ok bool) {
	p, err := readProcess(fmt.Sprintf("/proc/%d/stat", pid))
	return p, err == nil && p.State != "Z"
}

var errGone = errors.New("the process ended while its line was read")

// readProcess takes what it needs from "pid (name) state ppid pgrp …", where the name may hold anything.
func readProcess(file string) (Process, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return Process{}, err
		}
		return Process{}, errors.Join(errGone, err)
	}
	const state, parent, group = 0, 1, 2
	end := bytes.LastIndexByte(data, ')')
	fields := bytes.Fields(data[end+1:])
	if end < 0 || len(fields) <= group {
		return Process{}, fmt.Errorf("%s reads %q", file, data)
	}
	number := func(text []byte) int {
		n, wrong := strconv.Atoi(string(text))
		err = errors.Join(err, wrong)
		return n
	}
	p := Process{
		PID: number(data[:bytes.IndexByte(data, ' ')]), State: string(fields[state]),
		Parent: number(fields[parent]), Group: number(fields[group]),
	}
	return p, err
}
