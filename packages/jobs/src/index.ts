/**
 * Durable jobs that outlive connections, clients and processes.
 */
export * as Job from "./Job.ts"
export * from "./JobError.ts"
export * as JobPolicy from "./JobPolicy.ts"
export * from "./JobRun.ts"
export * from "./Jobs.ts"
export { isEnded, JobState } from "./JobState.ts"
export * from "./JobStatus.ts"
export { JobStore } from "./JobStore.ts"
