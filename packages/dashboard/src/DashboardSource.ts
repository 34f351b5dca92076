/**
 * What a host gives the page: all that it shows, as it changes, and what can be done.
 *
 * `Dashboard.make` serves it. The host has no work beyond that while no page is open: `snapshots` is run for each page and interrupted with it.
 *
 * @example
 * ```ts
 * import { DashboardRefusal, type DashboardSource } from "@holdfast/dashboard/DashboardSource"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * export const source: DashboardSource = {
 *   snapshots: Stream.concat(
 *     Stream.succeed({
 *       head: {
 *         kind: "server",
 *         title: "greeter",
 *         state: "live",
 *         epoch: "1",
 *         facts: [],
 *         charts: [],
 *         actions: [],
 *         hasLogs: false,
 *         hasWhy: false
 *       },
 *       sessions: []
 *     }),
 *     Stream.never
 *   ),
 *   act: () => Effect.fail(new DashboardRefusal({ message: "nothing can be done to this one" }))
 * }
 * ```
 */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Action, Done, LogLine, Snapshot, Why } from "./DashboardContract.ts"

/** Why something that was asked of a host was not done: said to the person who has asked, so it tells what to do next. */
export class DashboardRefusal extends Data.TaggedError("DashboardRefusal")<{ readonly message: string }> {}

/** One host of the page. */
export interface DashboardSource {
  /**
   * Begins with what is now, and goes on for ever. As often as it likes: of many within a tenth of a second the last one is sent, and of that what
   * is new. Rows that have not changed may be the same objects, which makes that cheap. It does not end when what it shows ends: that is a
   * `Head.state`.
   */
  readonly snapshots: Stream.Stream<Snapshot>
  /** Does what a person has asked. */
  readonly act: (action: Action) => Effect.Effect<Done, DashboardRefusal>
  /** The past, then what comes. Undefined: there are no logs. */
  readonly log?: ((of: string) => Stream.Stream<ReadonlyArray<LogLine>, DashboardRefusal>) | undefined
  /** Undefined: it is not known. */
  readonly why?: ((of: string) => Effect.Effect<Why, DashboardRefusal>) | undefined
}
