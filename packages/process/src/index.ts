/**
 * Supervised child processes: a group of its own for each, stderr always drained, a closing ladder that leaves nothing behind, zero orphans.
 */
export * as Capabilities from "./Capabilities.ts"
export * as ChildEnvironment from "./ChildEnvironment.ts"
export * as Janitor from "./Janitor.ts"
export * as OrphanFreeSpawner from "./OrphanFreeSpawner.ts"
export * from "./ProcessError.ts"
export * as Reaper from "./Reaper.ts"
export * as SupervisedProcess from "./SupervisedProcess.ts"
