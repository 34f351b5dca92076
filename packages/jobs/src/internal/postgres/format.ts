/**
 * The tables in Postgres: ours, which everything that is asked about jobs is answered from, and cluster's messages and replies, which
 * only the engine looks at. All are made here, so that an operator can make them by hand: cluster's own migrations need the right to
 * create things at every start, and know no schema.
 *
 * **Gotchas**: `_messages` and `_replies` are those of effect 4.1, plus the index by entity that the removal of old jobs needs. A test
 * compares them with what its migrations make.
 */

/** Tables begin with this. */
export const prefix = "holdfast_job"

export const supported = 4

/** The one clock of all programs on the store: milliseconds of the epoch. */
export const nowIn = "(extract(epoch from clock_timestamp()) * 1000)::float8"

/** Names, in the schema if there is one. */
export const tablesIn = (schema: string | undefined) => {
  const within = schema === undefined ? prefix : `${schema}.${prefix}`
  return {
    jobs: `${within}s`,
    steps: `${within}_steps`,
    turns: `${within}_turns`,
    /** As `nextval` takes it. */
    turn: schema === undefined ? `${prefix}_turn` : `"${schema}".${prefix}_turn`,
    turnSequence: `${within}_turn`,
    format: `${within}_format`,
    messages: `${within}_messages`,
    replies: `${within}_replies`,
    runners: `${within}_runners`,
    lanes: `${within}_lanes`,
    /** As cluster takes it, which adds `_messages` and `_replies`. */
    cluster: within
  }
}

/** What brings tables of the format before to this one. Programs of that format may go on beside it. */
export const upgrade = (
  schema: string | undefined
): { readonly from: number; readonly statements: ReadonlyArray<string> } => {
  const of = (name: string) => schema === undefined ? name : `"${schema}".${name}`
  return {
    from: 3,
    statements: [
      `ALTER TABLE ${of(`${prefix}s`)} ADD COLUMN trace TEXT`,
      `UPDATE ${of(`${prefix}_format`)} SET format = ${supported}`
    ]
  }
}

/** What makes the tables, for those who run it by hand, too. */
export const statements = (schema: string | undefined): ReadonlyArray<string> => {
  const of = (name: string) => schema === undefined ? name : `"${schema}".${name}`
  const jobs = of(`${prefix}s`)
  const steps = of(`${prefix}_steps`)
  const turns = of(`${prefix}_turns`)
  const messages = of(`${prefix}_messages`)
  const replies = of(`${prefix}_replies`)
  return [
    ...schema === undefined ? [] : [`CREATE SCHEMA IF NOT EXISTS "${schema}"`],
    `CREATE TABLE ${of(`${prefix}_format`)} (format INTEGER NOT NULL)`,
    `CREATE TABLE ${jobs} (
      number BIGSERIAL PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      kind TEXT NOT NULL,
      version INTEGER NOT NULL,
      owner TEXT NOT NULL,
      idempotency TEXT,
      payload TEXT NOT NULL,
      state TEXT NOT NULL,
      attempt INTEGER NOT NULL,
      crashes INTEGER NOT NULL,
      suspicions INTEGER NOT NULL DEFAULT 0,
      is_alone BOOLEAN NOT NULL DEFAULT FALSE,
      is_waiting BOOLEAN NOT NULL DEFAULT FALSE,
      fence INTEGER NOT NULL,
      runner TEXT,
      execution TEXT,
      executions TEXT[] NOT NULL DEFAULT '{}',
      lane TEXT,
      is_cancelling BOOLEAN NOT NULL,
      has_undo BOOLEAN NOT NULL DEFAULT FALSE,
      is_seeded BOOLEAN NOT NULL DEFAULT FALSE,
      ending TEXT,
      question_name TEXT,
      question TEXT,
      is_delayed BOOLEAN NOT NULL DEFAULT FALSE,
      starts_at DOUBLE PRECISION,
      deadline_at DOUBLE PRECISION,
      percent DOUBLE PRECISION NOT NULL,
      message TEXT,
      data TEXT,
      result TEXT,
      failure TEXT,
      revision INTEGER NOT NULL,
      created_at DOUBLE PRECISION NOT NULL,
      started_at DOUBLE PRECISION,
      finished_at DOUBLE PRECISION,
      updated_at DOUBLE PRECISION NOT NULL,
      trace TEXT
    )`,
    `CREATE UNIQUE INDEX ${prefix}s_key ON ${jobs} (kind, owner, idempotency)`,
    `CREATE INDEX ${prefix}s_queue ON ${jobs} (kind, owner, version, number)
      WHERE state = 'queued' AND execution IS NULL`,
    `CREATE INDEX ${prefix}s_bound ON ${jobs} (kind, lane) WHERE execution IS NOT NULL AND finished_at IS NULL`,
    `CREATE INDEX ${prefix}s_runner ON ${jobs} (runner) WHERE runner IS NOT NULL`,
    `CREATE INDEX ${prefix}s_owner ON ${jobs} (owner, number)`,
    `CREATE INDEX ${prefix}s_finished ON ${jobs} (finished_at) WHERE finished_at IS NOT NULL`,
    `CREATE INDEX ${prefix}s_delayed ON ${jobs} (starts_at) WHERE is_delayed`,
    `CREATE INDEX ${prefix}s_deadline ON ${jobs} (deadline_at)
      WHERE state = 'queued' AND execution IS NULL AND deadline_at IS NOT NULL`,
    `CREATE TABLE ${steps} (
      job TEXT NOT NULL,
      name TEXT NOT NULL,
      fence INTEGER NOT NULL,
      is_unsafe BOOLEAN NOT NULL DEFAULT FALSE,
      is_done BOOLEAN NOT NULL DEFAULT FALSE,
      is_undone BOOLEAN NOT NULL DEFAULT FALSE,
      value TEXT,
      begun_at DOUBLE PRECISION NOT NULL DEFAULT extract(epoch from clock_timestamp()) * 1000,
      PRIMARY KEY (job, name)
    )`,
    `CREATE TABLE ${turns} (
      kind TEXT NOT NULL,
      owner TEXT NOT NULL,
      version INTEGER NOT NULL,
      waiting INTEGER NOT NULL,
      delayed INTEGER NOT NULL,
      turn BIGINT NOT NULL,
      PRIMARY KEY (kind, owner, version)
    )`,
    `CREATE INDEX ${prefix}_turns_next ON ${turns} (kind, turn) WHERE waiting > 0`,
    `CREATE INDEX ${prefix}_turns_idle ON ${turns} (turn) WHERE waiting = 0 AND delayed = 0`,
    `CREATE SEQUENCE ${of(`${prefix}_turn`)}`,
    `CREATE TABLE ${messages} (
      id BIGINT PRIMARY KEY,
      rowid BIGSERIAL,
      message_id VARCHAR(255),
      shard_id VARCHAR(50) NOT NULL,
      entity_type VARCHAR(150) NOT NULL,
      entity_id VARCHAR(255) NOT NULL,
      kind INT NOT NULL,
      tag VARCHAR(50),
      payload TEXT,
      headers TEXT,
      trace_id VARCHAR(32),
      span_id VARCHAR(16),
      sampled BOOLEAN,
      processed BOOLEAN NOT NULL DEFAULT FALSE,
      request_id BIGINT NOT NULL,
      reply_id BIGINT,
      last_reply_id BIGINT,
      last_read TIMESTAMP,
      deliver_at BIGINT,
      UNIQUE (message_id)
    )`,
    `CREATE INDEX ${prefix}_messages_shard_idx ON ${messages} (shard_id, processed, last_read, deliver_at)`,
    `CREATE INDEX ${prefix}_messages_request_id_idx ON ${messages} (request_id)`,
    `CREATE INDEX ${prefix}_messages_rowid_idx ON ${messages} (rowid)`,
    `CREATE INDEX ${prefix}_messages_entity ON ${messages} (entity_id)`,
    `CREATE TABLE ${replies} (
      id BIGINT PRIMARY KEY,
      rowid BIGSERIAL,
      kind INT,
      request_id BIGINT NOT NULL,
      payload TEXT NOT NULL,
      sequence INT,
      acked BOOLEAN NOT NULL DEFAULT FALSE,
      UNIQUE (request_id, kind),
      UNIQUE (request_id, sequence)
    )`,
    `CREATE INDEX ${prefix}_replies_request_lookup_idx ON ${replies} (request_id, kind, acked)`,
    `CREATE TABLE ${of(`${prefix}_runners`)} (
      id TEXT PRIMARY KEY,
      machine INTEGER NOT NULL UNIQUE,
      kind TEXT NOT NULL,
      identity TEXT NOT NULL,
      alive_until DOUBLE PRECISION NOT NULL,
      is_buried BOOLEAN NOT NULL DEFAULT FALSE
    )`,
    `CREATE TABLE ${
      of(`${prefix}_lanes`)
    } (lane TEXT PRIMARY KEY, runner TEXT NOT NULL, until DOUBLE PRECISION NOT NULL)`,
    `CREATE INDEX ${prefix}_lanes_runner ON ${of(`${prefix}_lanes`)} (runner)`,
    `INSERT INTO ${of(`${prefix}_format`)} (format) VALUES (${supported})`
  ]
}
