package worker

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Config says which dbt project is asked and by which Python. The zero value of every optional field is usable.
type Config struct {
	// ProjectDir is the folder of dbt_project.yml; empty takes the working directory.
	ProjectDir string `yaml:"project_dir" validate:"omitempty,max=4096"`
	// TargetPath is the folder of semantic_manifest.json, below the project unless absolute; empty takes dbt's "target".
	TargetPath string `yaml:"target_path" validate:"omitempty,max=4096"`
	// ProfilesDir is the folder of profiles.yml; empty takes the project's own, else ~/.dbt, as dbt does.
	ProfilesDir string `yaml:"profiles_dir" validate:"omitempty,max=4096"`
	// Target is the output of the profile to use; empty takes the profile's default.
	Target string `yaml:"target" validate:"omitempty,max=200"`
	// Python is the interpreter that has dbt-metricflow and the dbt adapter; empty looks for python3 in PATH.
	Python string `yaml:"python" validate:"omitempty,max=4096"`
	// Env names further environment variables that the profile reads. PATH, HOME, LANG, LC_*, TZ, TMPDIR and DBT_*
	// are handed on anyway, Steward's own and its credentials never.
	Env []string `yaml:"env" validate:"omitempty,max=200,dive,required,max=200"`
	// Workers is how many questions are answered at a time, each by a process of its own. As many as there are
	// processors by default.
	Workers int `yaml:"workers" validate:"gte=0,lte=256"`
	// Spare is how many more processes are kept warm, to take the place of one that ends. 1 by default, -1 for none.
	Spare int `yaml:"spare" validate:"gte=-1,lte=256"`
	// MaxRequests, MaxMemory (bytes) and MaxAge are what a worker may reach before it is replaced, between questions.
	// 10,000, 1 GiB and 12 h by default; requests and age are cut by up to a fifth, so that workers do not go together.
	MaxRequests int           `yaml:"max_requests" validate:"gte=0"`
	MaxMemory   int64         `yaml:"max_memory" validate:"gte=0"`
	MaxAge      time.Duration `yaml:"max_age" validate:"gte=0"`
	// IdleRelease is how long an unused DuckDB file stays open; dbt can write to it only afterwards. 1 s by default.
	IdleRelease time.Duration `yaml:"idle_release" validate:"gte=0"`
	// LockWait is how long a question waits for a file that another process writes to. 10 s by default.
	LockWait time.Duration `yaml:"lock_wait" validate:"gte=0"`
	// ReadyTimeout bounds the start of a worker. 60 s by default.
	ReadyTimeout time.Duration `yaml:"ready_timeout" validate:"gte=0"`
	// QueueDepth is how many questions may wait for their turn before one more is refused. 64 by default.
	QueueDepth int `yaml:"queue_depth" validate:"gte=0,lte=10000"`
	// MaxAnswer bounds the bytes of one answer on the pipe. 32 MiB by default.
	MaxAnswer int `yaml:"max_answer" validate:"gte=0,lte=1073741824"`

	grace time.Duration // for a statement to stop; callers do not wait for it
}

const (
	defaultSpare        = 1
	defaultMaxRequests  = 10_000
	defaultMaxMemory    = 1 << 30
	defaultMaxAge       = 12 * time.Hour
	defaultIdleRelease  = time.Second
	defaultLockWait     = 10 * time.Second
	defaultReadyTimeout = time.Minute
	defaultQueueDepth   = 64
	defaultMaxAnswer    = 32 << 20
	defaultGrace        = 500 * time.Millisecond
	defaultPython       = "python3"
)

// ErrEnv refuses a configuration that would hand Steward's own variables to Python.
var ErrEnv = fault.New(fault.Invalid, "metric.config_env",
	"metrics.env may not name variables of Steward itself or of other servers' credentials (STEWARD_, MCP_, ANTHROPIC_, TELEMETRYFLOW_).")

func (c Config) withDefaults() Config {
	c.Python = or(c.Python, defaultPython)
	c.Workers = or(c.Workers, runtime.GOMAXPROCS(0))
	c.Spare = or(c.Spare, defaultSpare)
	c.MaxRequests = or(c.MaxRequests, defaultMaxRequests)
	c.MaxMemory = or(c.MaxMemory, defaultMaxMemory)
	c.MaxAge = or(c.MaxAge, defaultMaxAge)
	c.IdleRelease = or(c.IdleRelease, defaultIdleRelease)
	c.LockWait = or(c.LockWait, defaultLockWait)
	c.ReadyTimeout = or(c.ReadyTimeout, defaultReadyTimeout)
	c.QueueDepth = or(c.QueueDepth, defaultQueueDepth)
	c.MaxAnswer = or(c.MaxAnswer, defaultMaxAnswer)
	c.grace = or(c.grace, defaultGrace)
	return c
}

// located makes every path absolute, because the worker runs in the project's folder, not in ours.
func (c Config) located() (Config, error) {
	project, err := filepath.Abs(c.ProjectDir)
	if err != nil {
		return c, fmt.Errorf("locate the dbt project: %w", err)
	}
	c.ProjectDir = project
	for _, path := range []*string{&c.ProfilesDir, &c.Python} {
		// A bare name is for PATH to find, and nothing is for dbt to find.
		if *path == "" || path == &c.Python && !strings.ContainsRune(*path, filepath.Separator) {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return c, fmt.Errorf("locate what metrics names: %w", err)
		}
	}
	return c, nil
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

var (
	handedOn      = []string{"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR"}
	handedOnStems = []string{"LC_", "DBT_"}
	keptBack      = []string{"STEWARD_", "MCP_", "ANTHROPIC_", "TELEMETRYFLOW_"}
)

// environment is what the worker's process sees: the allow-listed variables of ours, and nothing that dbt would use
// to talk to anyone but the warehouse. The second result lists the values that must not reach a log.
func (c Config) environment(ours []string) (env, secrets []string, err error) {
	if slices.ContainsFunc(c.Env, func(name string) bool { return hasStem(name, keptBack) }) {
		return nil, nil, ErrEnv
	}
	for _, variable := range ours {
		name, value, _ := strings.Cut(variable, "=")
		configured := slices.Contains(c.Env, name)
		if hasStem(name, keptBack) || !configured && !slices.Contains(handedOn, name) && !hasStem(name, handedOnStems) {
			continue
		}
		env = append(env, variable)
		if len(value) >= shortestSecret && (configured || looksSecret(name)) {
			secrets = append(secrets, value)
		}
	}
	return append(env, "DBT_SEND_ANONYMOUS_USAGE_STATS=false", "DO_NOT_TRACK=1"), secrets, nil
}

// shortestSecret spares logs from losing every "5432" to a port that happens to be configured.
const shortestSecret = 6

func looksSecret(name string) bool {
	return hasStem(name, []string{"DBT_ENV_SECRET", "DBT_ENV_CUSTOM"}) || slices.ContainsFunc(
		[]string{"PASS", "SECRET", "TOKEN", "KEY"}, func(s string) bool { return strings.Contains(strings.ToUpper(name), s) })
}

func hasStem(name string, stems []string) bool {
	return slices.ContainsFunc(stems, func(stem string) bool { return strings.HasPrefix(strings.ToUpper(name), stem) })
}

func ambient() []string { return os.Environ() }
