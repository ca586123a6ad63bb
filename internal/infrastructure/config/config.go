// Package config reads Steward's configuration: defaults, then one strict YAML file, then STEWARD_… variables, then
// flags. Whatever it does not know is an error, every error is told at once with its place, and secrets come from the
// environment or from files of their own, never from the YAML.
package config

import "time"

// Config is everything that can be configured. Load makes one; its values have been checked, and its paths are
// absolute. An empty file is valid: loopback, authentication, limits and audit are on, and nobody may do anything,
// since there is no persona.
type Config struct {
	Environment   string             `yaml:"environment" validate:"environment_tag"` // what API keys must be tagged with
	StateDir      string             `yaml:"state_dir" path:"file"`                  // state file, pepper and, unless Audit.Dir says otherwise, journal
	KeyPepper     Secret             `yaml:"key_pepper" validate:"-"`                // unset: kept in the state directory, made when it is missing
	Server        Server             `yaml:"server"`
	Security      Security           `yaml:"security"`
	Auth          Auth               `yaml:"auth"`
	Personas      map[string]Persona `yaml:"personas" validate:"-"` // access.Compile judges them
	Stdio         Stdio              `yaml:"stdio"`
	ToolSuffix    string             `yaml:"tool_suffix" validate:"omitempty,tool_suffix"` // behind the name of every tool that clients see
	Compat        Compat             `yaml:"compat"`
	Metrics       Metrics            `yaml:"metrics"`
	Claude        Claude             `yaml:"claude"`
	Conversations Conversations      `yaml:"conversations"`
	Tasks         Tasks              `yaml:"tasks"`
	Audit         Audit              `yaml:"audit"`
	Telemetry     Telemetry          `yaml:"telemetry"`
	Log           Log                `yaml:"log"`
}

// Server is about the listeners. A port of 0 takes any free one.
type Server struct {
	Listen                   string        `yaml:"listen" validate:"address"`
	AdminListen              string        `yaml:"admin_listen" validate:"address"`                          // probes and metrics, without authentication; acts of operators, with it
	AllowedHosts             []string      `yaml:"allowed_hosts" validate:"max=100,unique,dive,host"`        // Host headers beside the loopback names
	AllowedOrigins           []string      `yaml:"allowed_origins" validate:"max=100,unique,dive,origin"`    // Origin headers of web pages that may call
	AllowedNetworks          []string      `yaml:"allowed_networks" validate:"max=100,unique,dive,network"`  // of clients; empty: all
	LegacySSE                bool          `yaml:"legacy_sse"`                                               // serve /sse to clients of revision 2024-11-05
	MaxBodyBytes             int64         `yaml:"max_body_bytes" validate:"gte=1024,lte=67108864"`          // of one request
	MaxResultBytes           int           `yaml:"max_result_bytes" validate:"gte=65536,lte=1073741824"`     // of one answer; a larger one is refused
	MaxConnections           int           `yaml:"max_connections" validate:"gte=1,lte=1000000"`             // further ones wait
	MaxConnectionsPerAddress int           `yaml:"max_connections_per_address" validate:"gte=0,lte=1000000"` // further ones are closed; 0 for any number
	RequestTimeout           time.Duration `yaml:"request_timeout" validate:"gte=1s,lte=1h"`                 // of a call whose tool names no deadline
	DrainTimeout             time.Duration `yaml:"drain_timeout" validate:"gte=0s,lte=10m"`                  // what running calls get at shutdown
	Sessions                 Sessions      `yaml:"sessions"`
	TLS                      TLS           `yaml:"tls"`                                                         // of Listen
	BehindTLSProxy           bool          `yaml:"behind_tls_proxy"`                                            // clients reach the listeners through TLS only
	TrustedProxies           []string      `yaml:"trusted_proxies" validate:"max=100,unique,dive,network"`      // who may say from where a request comes
	ForwardedHeader          string        `yaml:"forwarded_header" validate:"oneof=X-Forwarded-For Forwarded"` // how they say it
	SecurityTxt              SecurityTxt   `yaml:"security_txt"`
	UnsafeNoAuth             bool          `yaml:"unsafe_no_auth"` // who presents no key has Compat.Persona; on loopback only
}

// Sessions are the spans of time in which a principal's client is heard of; see package session.
type Sessions struct {
	Idle time.Duration `yaml:"idle" validate:"gte=1m,lte=8760h"` // without a request, after which one ends; a closed one opens again
}

// TLS is the certificate of the public listener. Without CertFile it speaks plain HTTP.
type TLS struct {
	CertFile string `yaml:"cert_file" path:"file" validate:"max=4096"` // PEM: the server's certificate, then those between it and its authority
	KeyFile  string `yaml:"key_file" path:"file" validate:"max=4096"`  // PEM, readable by its owner only
}

// SecurityTxt is what /.well-known/security.txt says.
type SecurityTxt struct {
	Contact string `yaml:"contact" validate:"contact"`           // empty: that of the project
	Expires string `yaml:"expires" validate:"omitempty,instant"` // empty: a year after the binary was built
}

// Security is about what holds for every caller.
type Security struct {
	RateLimit RateLimit `yaml:"rate_limit"`
}

// RateLimit is the token bucket of each principal and class of tools, and of each principal's refused requests; and what
// bounds addresses and the whole.
type RateLimit struct {
	Enabled                   bool   `yaml:"enabled"` // of all that is here
	RequestsPerMinute         int    `yaml:"requests_per_minute" validate:"gte=1,lte=1000000"`
	BurstSize                 int    `yaml:"burst_size" validate:"gte=1,lte=100000"`
	PerAddress                Bucket `yaml:"per_address"`                                               // of each address, whoever asks
	Global                    Bucket `yaml:"global"`                                                    // of all addresses together
	MaxConcurrent             int    `yaml:"max_concurrent" validate:"gte=0,lte=1000000"`               // requests at a time; 0 for any number
	MaxConcurrentPerPrincipal int    `yaml:"max_concurrent_per_principal" validate:"gte=0,lte=1000000"` // likewise
}

// Bucket is a token bucket.
type Bucket struct {
	RequestsPerMinute int `yaml:"requests_per_minute" validate:"gte=1,lte=100000000"`
	BurstSize         int `yaml:"burst_size" validate:"gte=1,lte=10000000"`
}

// Stdio is who the user of `steward stdio` is.
type Stdio struct {
	User       string           `yaml:"user" validate:"required,max=100,printable"`
	Personas   []string         `yaml:"personas" validate:"max=50,unique"` // names under Config.Personas
	Attributes map[string]Words `yaml:"attributes" validate:"-"`           // what policies may ask of the user; identity judges them
}

// Compat is what clients and environments of mcp-metricflow need to go on.
type Compat struct {
	Persona string `yaml:"persona"`              // a name under Config.Personas: of whoever presents APIKey, and of nobody under Server.UnsafeNoAuth
	APIKey  Secret `yaml:"api_key" validate:"-"` // a key of the operator's choice, beside those that Steward makes; unset: none
}

// Metrics is the dbt project that is served, and the bounds of questions. Without ProjectDir there are no metrics.
type Metrics struct {
	ProjectDir     string        `yaml:"project_dir" path:"file" validate:"max=4096"`
	ProfilesDir    string        `yaml:"profiles_dir" path:"file" validate:"max=4096"` // empty: as dbt looks for it
	Target         string        `yaml:"target" validate:"max=200"`                    // empty: the profile's default
	Python         string        `yaml:"python" path:"command" validate:"max=4096"`    // empty: python3 in PATH
	Env            []string      `yaml:"env" validate:"max=200,unique,dive,env_name"`  // further variables that the profile reads
	DefaultLimit   int           `yaml:"default_limit" validate:"gte=1,ltefield=MaxRows"`
	MaxRows        int           `yaml:"max_rows" validate:"gte=1,lte=10000000"`
	Timeout        time.Duration `yaml:"timeout" validate:"gte=1s,lte=1h"`       // of one question
	ReadyTimeout   time.Duration `yaml:"ready_timeout" validate:"gte=1s,lte=1h"` // of a worker's start
	Workers        int           `yaml:"workers" validate:"gte=0,lte=256"`       // questions answered at a time; 0 for as many as there are processors
	SpareWorkers   int           `yaml:"spare_workers" validate:"gte=0,lte=256"` // more processes kept warm, to take the place of one that ends
	MaxRequests    int           `yaml:"max_requests" validate:"gte=1"`          // after which a worker is replaced
	MaxMemoryBytes int64         `yaml:"max_memory_bytes" validate:"gte=268435456"`
	MaxAge         time.Duration `yaml:"max_age" validate:"gte=1m"`
	IdleRelease    time.Duration `yaml:"idle_release" validate:"gte=0s,lte=1h"`  // after which an unused DuckDB file is closed
	LockWait       time.Duration `yaml:"lock_wait" validate:"gte=0s,lte=1h"`     // for a DuckDB file that another process writes
	QueueDepth     int           `yaml:"queue_depth" validate:"gte=1,lte=10000"` // questions that wait for a worker
	MaxAnswerBytes int           `yaml:"max_answer_bytes" validate:"gte=65536,lte=1073741824"`
}

// Claude is the model provider. Without APIKey there is no conversation tool.
type Claude struct {
	Endpoint  string        `yaml:"endpoint" validate:"endpoint"`
	Proxy     string        `yaml:"proxy" validate:"-"` // through which Endpoint is reached; empty: directly
	APIKey    Secret        `yaml:"api_key" validate:"-"`
	Model     string        `yaml:"model" validate:"required,max=200,printable"`
	Models    []string      `yaml:"models" validate:"max=100,unique,dive,required,max=200,printable"` // what callers may choose; empty: Model alone
	MaxTokens int           `yaml:"max_tokens" validate:"gte=1,lte=1000000"`                          // of one reply, unless the caller says
	Timeout   time.Duration `yaml:"timeout" validate:"gte=1s,lte=10m"`                                // of one reply, retries included
	Retries   int           `yaml:"retries" validate:"gte=0,lte=5"`
}

// Conversations bounds what a principal can keep. Texts are counted in characters.
type Conversations struct {
	MaxPerPrincipal int   `yaml:"max_per_principal" validate:"gte=1,lte=10000"`
	MaxTokensPerDay int64 `yaml:"max_tokens_per_day" validate:"gte=0,lte=1000000000000"` // of a principal, read and written together; 0 for any number
	MaxMessages     int   `yaml:"max_messages" validate:"gte=2,lte=100000"`
	MaxMessageChars int   `yaml:"max_message_chars" validate:"gte=1,ltefield=MaxChars"`
	MaxSystemChars  int   `yaml:"max_system_chars" validate:"gte=1,lte=10000000"`
	MaxChars        int   `yaml:"max_chars" validate:"gte=1,lte=100000000"` // of a conversation, all messages together
}

// Tasks bounds calls that go on after the request that brought them.
type Tasks struct {
	Grace                  time.Duration `yaml:"grace" validate:"gte=0s,lte=1m"`           // what a call may take before it becomes one
	TTL                    time.Duration `yaml:"ttl" validate:"gte=1m,lte=168h"`           // what it and its result are kept for
	PollInterval           time.Duration `yaml:"poll_interval" validate:"gte=10ms,lte=1h"` // that clients are told
	MaxRunning             int           `yaml:"max_running" validate:"gte=1,lte=10000"`
	MaxRunningPerPrincipal int           `yaml:"max_running_per_principal" validate:"gte=1,ltefield=MaxRunning"`
	MaxKept                int           `yaml:"max_kept" validate:"gte=1,lte=1000000"`
	MaxKeptPerPrincipal    int           `yaml:"max_kept_per_principal" validate:"gte=1,ltefield=MaxKept"`
	MaxBytes               int64         `yaml:"max_bytes" validate:"gte=65536,lte=1099511627776"` // of all results
	MaxBytesPerPrincipal   int64         `yaml:"max_bytes_per_principal" validate:"gte=65536,ltefield=MaxBytes"`
}

// Audit is the journal.
type Audit struct {
	Dir             string `yaml:"dir" path:"file" validate:"max=4096"` // empty in the file: audit below StateDir
	MaxSegmentBytes int64  `yaml:"max_segment_bytes" validate:"gte=65536,lte=17179869184"`
	// CheckpointDir is a second directory for signed checkpoints; empty for none.
	CheckpointDir   string        `yaml:"checkpoint_dir" path:"file" validate:"max=4096"`
	CheckpointEvery time.Duration `yaml:"checkpoint_every" validate:"gte=1s,lte=24h"` // the longest that a record waits for a signature
	Retention       time.Duration `yaml:"retention" validate:"omitempty,gte=24h"`     // of whole segments; 0 keeps them for ever
}

// Telemetry is what the standard OTEL_* variables do not say.
type Telemetry struct {
	Baggage []string `yaml:"baggage" validate:"max=100,unique,dive,required,max=256,printable"` // keys that clients may set
}

// Log is how the process speaks to its operator, on standard error.
type Log struct {
	Level  string `yaml:"level" validate:"oneof=debug info warn error"`
	Format string `yaml:"format" validate:"oneof=json console"`
}

// Default is what holds where nothing is said. Its StateDir is empty: Load finds a place for it.
func Default() Config {
	return Config{
		Environment: "dev",
		Server: Server{
			Listen: "127.0.0.1:7878", AdminListen: "127.0.0.1:7879", MaxBodyBytes: 4 << 20, MaxResultBytes: 32 << 20,
			MaxConnections: 4096, MaxConnectionsPerAddress: 512, ForwardedHeader: "X-Forwarded-For",
			RequestTimeout: time.Minute, DrainTimeout: 20 * time.Second, Sessions: Sessions{Idle: 24 * time.Hour},
		},
		Security: Security{RateLimit: RateLimit{
			Enabled: true, RequestsPerMinute: 60, BurstSize: 10,
			PerAddress: Bucket{RequestsPerMinute: 1200, BurstSize: 200}, Global: Bucket{RequestsPerMinute: 60_000, BurstSize: 2000},
			MaxConcurrent: 1024, MaxConcurrentPerPrincipal: 64,
		}},
		Auth:  Auth{ClockSkew: time.Minute},
		Stdio: Stdio{User: "local"},
		Metrics: Metrics{
			DefaultLimit: 1000, MaxRows: 100_000, Timeout: time.Minute, ReadyTimeout: time.Minute,
			SpareWorkers: 1, MaxRequests: 10_000, MaxMemoryBytes: 1 << 30, MaxAge: 12 * time.Hour,
			IdleRelease: time.Second, LockWait: 10 * time.Second, QueueDepth: 64, MaxAnswerBytes: 32 << 20,
		},
		Claude: Claude{
			Endpoint: "https://api.anthropic.com", Model: "claude-sonnet-5-5", MaxTokens: 4096,
			Timeout: 2 * time.Minute, Retries: 2,
		},
		Conversations: Conversations{
			MaxPerPrincipal: 10, MaxTokensPerDay: 2_000_000, MaxMessages: 1000, MaxMessageChars: 100_000, MaxSystemChars: 100_000, MaxChars: 600_000,
		},
		Tasks: Tasks{
			Grace: 1500 * time.Millisecond, TTL: time.Hour, PollInterval: 2 * time.Second, MaxRunning: 256, MaxRunningPerPrincipal: 16,
			MaxKept: 10_000, MaxKeptPerPrincipal: 100, MaxBytes: 1 << 30, MaxBytesPerPrincipal: 128 << 20,
		},
		Audit: Audit{MaxSegmentBytes: 64 << 20, CheckpointEvery: 5 * time.Minute},
		Log:   Log{Level: "info", Format: "json"},
	}
}
