/**
 * The daemon as the page shows it: a client of its public contract, which outlives it.
 *
 * While no page is open the daemon is asked nothing. While one is, its status is asked for when something has happened, and each second; less often
 * where an answer takes long. A daemon that has ended is waited for.
 */
import * as DaemonControl from "@holdfast/daemon/DaemonControl"
import { type Action, ActionName, type LogLine, type Snapshot } from "@holdfast/dashboard/DashboardContract"
import { DashboardRefusal, type DashboardSource } from "@holdfast/dashboard/DashboardSource"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { askingDaemon } from "../AskingDaemon.ts"
import type { CliFailure } from "../CliFailure.ts"
import * as DaemonFeed from "../DaemonFeed.ts"
import { DaemonView, wordOf } from "./DaemonView.ts"
import * as WhyParts from "./WhyParts.ts"

/** Sizes and times change without an event. */
const lookEvery = 1000
/** However much happens. */
const lookAtMostEvery = 200
/** How much longer than an answer took the daemon is left alone, so that the page is a small part of its work. */
const rest = 5
/** How often the daemon takes a sample. */
const sampleMillis = 15_000
/** How often it is looked whether there is a daemon again. */
const waitForNext = "500 millis"

/** Reads `place` of `DaemonPlace.open()` at each look, as every command does. */
export const make = (): DashboardSource => ({ snapshots, act, log, why })

const snapshots: Stream.Stream<Snapshot> = Stream.suspend(() => {
  const view = new DaemonView()
  const changes = Stream.callback<void>((queue) => {
    const show = Effect.sync(() => void Queue.offerUnsafe(queue, undefined))
    return watched(view, show).pipe(
      Effect.catch((failure) =>
        Effect.gen(function*() {
          view.tellGone(gone(failure), yield* Clock.currentTimeMillis)
          yield* show
        })
      ),
      // A daemon that has ended by itself is told of by the next look.
      Effect.repeat(Schedule.spaced(waitForNext))
    )
  }, { bufferSize: 1, strategy: "sliding" })
  return Stream.map(changes, () => view.snapshot)
})

/** One daemon, until it has ended. */
const watched = Effect.fnUntraced(function*(view: DaemonView, show: Effect.Effect<void>) {
  /** When its status is to be asked for. */
  const wanted = yield* Queue.sliding<void>(1)
  let sampledAt = 0
  const look = Effect.gen(function*() {
    const before = yield* Clock.currentTimeMillis
    const status = yield* askingDaemon(() => DaemonControl.status())
    const now = yield* Clock.currentTimeMillis
    view.tellStatus(status, now)
    if (now - sampledAt >= sampleMillis) {
      const since = sampledAt
      sampledAt = now
      // A daemon of an older version has none: then those of the page's own time are all there is.
      const samples = yield* DaemonFeed.samples.pipe(
        Effect.catchIf(({ reason }) => reason === "NotKnown", () => Effect.undefined)
      )
      if (samples === undefined) view.sampleNow(since, now)
      else view.tellSamples(samples)
    }
    yield* show
    return now - before
  })
  // The first one tells whether there is a daemon at all.
  const took = yield* look
  const looking = Effect.sleep(Math.max(lookAtMostEvery, took * rest)).pipe(
    Effect.andThen(Effect.timeoutOrElse(Queue.take(wanted), { duration: lookEvery, orElse: () => Effect.void })),
    Effect.andThen(look),
    Effect.flatMap((took) => Effect.sleep(Math.max(lookAtMostEvery, took * rest))),
    Effect.forever
  )
  const following = Stream.runForEach(DaemonFeed.events(0), (event) =>
    Effect.suspend(() => {
      view.tellEvent(event)
      Queue.offerUnsafe(wanted, undefined)
      return show
    }))
  yield* Effect.raceFirst(following, looking)
})

const gone = ({ message, reason }: CliFailure): string =>
  reason === "NotRunning"
    ? "The daemon has ended, or none was started; waiting for the next one. The next command that uses a server starts it, such as holdfast tools."
    : `The daemon does not answer: ${message}`

const isOperation = Schema.is(ActionName.pick(["reset", "drain", "close"]))

const act = ({ action, of, target }: Action) =>
  of !== "server" || target === undefined || !isOperation(action)
    ? Effect.fail(new DashboardRefusal({ message: `a daemon knows no ${action} of that` }))
    : askingDaemon(() => DaemonControl.operate(action, wordOf(target))).pipe(
      Effect.map((message) => ({ message })),
      Effect.mapError(refusal)
    )

const why = (of: string) =>
  DaemonFeed.history(of).pipe(
    Effect.map((history) => ({ of, parts: WhyParts.of(history) })),
    Effect.mapError(refusal)
  )

const refusal = ({ message }: CliFailure): DashboardRefusal => new DashboardRefusal({ message })

/** The past of a log, and what comes; of the next daemon, when this one has ended. Of nothing: the daemon's own. */
const log = (of: string): Stream.Stream<ReadonlyArray<LogLine>, DashboardRefusal> => {
  const lines: Stream.Stream<LogLine, CliFailure> = of === ""
    ? Stream.map(DaemonFeed.daemonLines(0), (line) => ({ line }))
    : DaemonFeed.serverLines(of, 0)
  return lines.pipe(
    Stream.retry(
      Schedule.spaced(waitForNext).pipe(
        Schedule.setInputType<CliFailure>(),
        Schedule.while(({ input }) => isWaitedFor(input))
      )
    ),
    Stream.repeat(Schedule.spaced(waitForNext)),
    Stream.groupedWithin(mostLines, "100 millis"),
    Stream.mapError(refusal)
  )
}

/** There is none now, or one that ends has not answered any more. */
const isWaitedFor = (failure: CliFailure): boolean =>
  ["NotRunning", "NotAdmitted", "NotStarted"].includes(failure.reason)

/** Sent at once. */
const mostLines = 500
