/**
 * The tables of a store in an SQLite file, as numbered formats. A new one is added at the end; what is written is never changed.
 */
const prefix = "holdfast_job"

/** Names of the tables, apart from those of a program that shares its database. */
export const tables = {
  jobs: `${prefix}s`,
  steps: `${prefix}_steps`,
  runners: `${prefix}_runners`,
  turns: `${prefix}_turns`,
  format: `${prefix}_format`
}

/** Statements that bring a store from the format before to this one. */
export const formats: ReadonlyArray<ReadonlyArray<string>> = [
  [
    `CREATE TABLE ${tables.jobs} (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      kind TEXT NOT NULL,
      version INTEGER NOT NULL,
      owner TEXT NOT NULL,
      idempotency TEXT,
      payload TEXT NOT NULL,
      state TEXT NOT NULL,
      attempt INTEGER NOT NULL,
      crashes INTEGER NOT NULL,
      fence INTEGER NOT NULL,
      runner TEXT,
      is_cancelling INTEGER NOT NULL,
      percent DOUBLE PRECISION NOT NULL,
      message TEXT,
      data TEXT,
      result TEXT,
      failure TEXT,
      revision INTEGER NOT NULL,
      created_at DOUBLE PRECISION NOT NULL,
      started_at DOUBLE PRECISION,
      finished_at DOUBLE PRECISION,
      updated_at DOUBLE PRECISION NOT NULL
    )`,
    `CREATE UNIQUE INDEX ${tables.jobs}_key ON ${tables.jobs} (kind, owner, idempotency)`,
    `CREATE INDEX ${tables.jobs}_queue ON ${tables.jobs} (kind, state, owner, number)`,
    `CREATE INDEX ${tables.jobs}_owner ON ${tables.jobs} (owner, number)`,
    `CREATE INDEX ${tables.jobs}_running ON ${tables.jobs} (runner) WHERE state = 'running'`,
    `CREATE INDEX ${tables.jobs}_finished ON ${tables.jobs} (finished_at) WHERE finished_at IS NOT NULL`,
    `CREATE TABLE ${tables.steps} (
      job TEXT NOT NULL,
      name TEXT NOT NULL,
      is_done INTEGER NOT NULL,
      is_unsafe INTEGER NOT NULL,
      fence INTEGER NOT NULL,
      value TEXT,
      PRIMARY KEY (job, name)
    )`,
    `CREATE TABLE ${tables.runners} (
      id TEXT PRIMARY KEY,
      identity TEXT NOT NULL,
      alive_until DOUBLE PRECISION NOT NULL
    )`,
    `CREATE TABLE ${tables.turns} (
      kind TEXT NOT NULL,
      owner TEXT NOT NULL,
      turn INTEGER NOT NULL,
      asked_at DOUBLE PRECISION NOT NULL,
      PRIMARY KEY (kind, owner)
    )`
  ],
  // Runners are dead by their locks; jobs have a turn, a time to begin, a deadline, a question, an end that they are undone for.
  [
    `ALTER TABLE ${tables.jobs} ADD COLUMN turn INTEGER NOT NULL DEFAULT 0`,
    `ALTER TABLE ${tables.jobs} ADD COLUMN suspicions INTEGER NOT NULL DEFAULT 0`,
    `ALTER TABLE ${tables.jobs} ADD COLUMN is_alone INTEGER NOT NULL DEFAULT 0`,
    `ALTER TABLE ${tables.jobs} ADD COLUMN is_waiting INTEGER NOT NULL DEFAULT 0`,
    `ALTER TABLE ${tables.jobs} ADD COLUMN starts_at DOUBLE PRECISION`,
    `ALTER TABLE ${tables.jobs} ADD COLUMN deadline_at DOUBLE PRECISION`,
    `ALTER TABLE ${tables.jobs} ADD COLUMN question TEXT`,
    `ALTER TABLE ${tables.jobs} ADD COLUMN ending TEXT`,
    `ALTER TABLE ${tables.steps} ADD COLUMN compensation INTEGER NOT NULL DEFAULT 0`,
    `CREATE INDEX ${tables.jobs}_ready ON ${tables.jobs} (kind, turn, number) WHERE state = 'queued' AND starts_at IS NULL`,
    `CREATE INDEX ${tables.jobs}_waiting ON ${tables.jobs} (kind, turn) WHERE state = 'queued'`,
    `CREATE INDEX ${tables.jobs}_starts ON ${tables.jobs} (starts_at) WHERE state = 'queued' AND starts_at IS NOT NULL`,
    `CREATE INDEX ${tables.jobs}_deadline ON ${tables.jobs} (deadline_at) WHERE state = 'queued' AND deadline_at IS NOT NULL`,
    // Of runners that were found dead by their leases: they would never be looked for again.
    `UPDATE ${tables.jobs} SET state = 'queued', runner = NULL, fence = fence + 1, revision = revision + 1
      WHERE state = 'running' AND runner NOT IN (SELECT id FROM ${tables.runners})`,
    `CREATE INDEX ${tables.turns}_asked ON ${tables.turns} (asked_at)`
  ],
  // Jobs know the trace that they are part of.
  [`ALTER TABLE ${tables.jobs} ADD COLUMN trace TEXT`]
]
