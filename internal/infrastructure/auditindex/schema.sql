-- What is derived from the segments. PRAGMA user_version is its version; another one is made anew, not migrated.
create table chains (
  id integer primary key,
  directory text not null unique,
  segment integer not null,
  offset integer not null,
  seq integer not null,
  head blob not null,
  length integer not null
);

create table records (
  at integer not null,
  chain integer not null references chains (id) on delete cascade,
  seq integer not null,
  segment integer not null,
  offset integer not null,
  length integer not null,
  phase text not null,
  request text not null,
  actor text not null,
  personas text not null,
  client text not null,
  session text not null,
  address text not null,
  transport text not null,
  method text not null,
  action text not null,
  target text not null,
  purpose text not null,
  outcome text not null,
  denied_by text not null,
  rule text not null,
  trace text not null,
  words text not null,
  primary key (at, chain, seq)
) without rowid;

create unique index record_of_chain on records (chain, seq);
create index record_of_actor on records (actor, at);
create index record_of_target on records (target, at);
create index record_of_request on records (request) where request <> '';
create index record_of_session on records (session, at) where session <> '';
create index record_of_trace on records (trace) where trace <> '';
create index record_refused on records (denied_by, at) where denied_by <> '';
