/**
 * What the page of the admin port shows of jobs, and asks of them: an interface alone. `@holdfast/jobs/mcp` has it for its jobs, as `JobAdmin.make`.
 *
 * @example
 * ```ts
 * import { AdminJobProblem, type AdminJobs } from "@holdfast/server/AdminJobs"
 * import * as Effect from "effect/Effect"
 *
 * // A program that has jobs of its own.
 * export const jobs: AdminJobs = {
 *   list: () => Effect.succeed([]),
 *   cancel: () => Effect.fail(new AdminJobProblem({ message: "there is no such job" })),
 *   again: () => Effect.fail(new AdminJobProblem({ message: "there is no such job" }))
 * }
 * ```
 */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"

/** Why jobs cannot be told of, or something cannot be done to one: in a sentence, for operators. */
export class AdminJobProblem extends Data.TaggedError("AdminJobProblem")<{ readonly message: string }> {}

/** A job. Times are milliseconds of the epoch. */
export interface AdminJob {
  readonly id: string
  readonly kind: string
  /** The id of the principal it belongs to. */
  readonly principal: string
  readonly state: "queued" | "running" | "succeeded" | "failed" | "cancelled"
  /** Its cancellation was asked for, and it has not ended yet. */
  readonly isCancelling: boolean
  /** 0 to 100. */
  readonly percent: number
  /** What it has said last. */
  readonly message?: string | undefined
  /** Why it has failed. No internals. */
  readonly failure?: string | undefined
  /** How often it was begun. */
  readonly attempts: number
  /** The steps that are done, in their order. */
  readonly steps: ReadonlyArray<string>
  readonly createdAt: number
  readonly startedAt?: number | undefined
  readonly endedAt?: number | undefined
}

/** The jobs of a server, as its operators have them. */
export interface AdminJobs {
  /** The newest ones, at most so many. Asked every second while a page is open, and never else. */
  readonly list: (limit: number) => Effect.Effect<ReadonlyArray<AdminJob>, AdminJobProblem>
  /** Asks for the end of a job. Says what becomes of it. */
  readonly cancel: (id: string) => Effect.Effect<string, AdminJobProblem>
  /** Starts a new job of the same kind with the same input for the same principal, if this one has ended. Says which. */
  readonly again: (id: string) => Effect.Effect<string, AdminJobProblem>
}
