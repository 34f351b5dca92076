/**
 * Durable jobs that outlive connections, clients and processes.
 *
 * Entries of their own, because they need packages that not every program has: `@holdfast/jobs/PostgresStore` (`@effect/sql-pg`) and
 * `@holdfast/jobs/mcp` (`@holdfast/server`, the MCP SDK and zod).
 */
export * as Job from "./internal/JobKinds.ts"
export * as JobStore from "./internal/JobStores.ts"
export * from "./JobError.ts"
export * as JobPolicy from "./JobPolicy.ts"
export * as JobRun from "./JobRun.ts"
export { type Asker, Jobs, type JobsShape, type ListOptions, type StartOptions, type StoreTrouble } from "./Jobs.ts"
export * as JobState from "./JobState.ts"
export * as JobStatus from "./JobStatus.ts"
export * as MemoryStore from "./MemoryStore.ts"
export * as Runner from "./Runner.ts"
export * as SqliteStore from "./SqliteStore.ts"
