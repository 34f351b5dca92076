/**
 * `holdfast top`: the daemon's servers, calls and failures on a terminal, live, with keys that do something about them.
 *
 * Costs next to nothing while nothing happens: the daemon tells what happens, its status is asked for then and else so seldom that it does not count,
 * and only lines that have changed are written. However much happens, it is drawn five times a second at most; keys are answered at once.
 *
 * A daemon that ends is waited for. Without a terminal, and with `--once`, it is one frame as text.
 */
import * as DaemonControl from "@holdfast/daemon/DaemonControl"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { askingDaemon } from "../AskingDaemon.ts"
import type { CliFailure } from "../CliFailure.ts"
import * as DaemonFeed from "../DaemonFeed.ts"
import { ExitCode } from "../ExitCode.ts"
import type * as TopOutput from "../outputs/top.ts"
import { Shell } from "../Shell.ts"
import { clockOf } from "../Sizes.ts"
import * as FrameChanges from "../top/FrameChanges.ts"
import * as Redraw from "../top/Redraw.ts"
import { Screen, type ScreenNews } from "../top/Screen.ts"
import * as TopKey from "../top/TopKey.ts"
import * as TopState from "../top/TopState.ts"
import * as TopView from "../top/TopView.ts"
import { writeResult } from "../WriteResult.ts"
import * as Why from "./why.ts"

export interface TopInput {
  readonly json: boolean
  readonly once: boolean
}

/** Drawn so often at most, if no key is pressed. */
const atMostEvery = "200 millis"

/** The status is asked for so often at most. */
const looksAtMostEvery = "500 millis"

/** What is not an event: sizes, the time until the next try. */
const looksAtLeastEvery = "5 seconds"

/** How long the rest of a key's sequence may take. */
const keyPatience = "100 millis"

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*({ json, once }: TopInput) {
  const { stdout } = yield* Shell
  const { isThere } = yield* Screen
  if (json) {
    const { calls, former, status } = yield* snapshot
    const answer: typeof TopOutput.Output.Type = { ...status, former, calls }
    yield* writeResult(`${JSON.stringify(answer)}\n`)
    return ExitCode.ok
  }
  if (once || !isThere) {
    const { calls, former, status } = yield* snapshot
    const state = calls.reduce(TopState.happened, TopState.looked(TopState.initial, status, former))
    yield* writeResult(TopView.plain(state, stdout.columns, stdout.hasColor))
    return ExitCode.ok
  }
  return yield* Effect.scoped(live)
})

const look = Effect.gen(function*() {
  const [status, former] = yield* Effect.all(
    [askingDaemon(() => DaemonControl.status()), askingDaemon(() => DaemonControl.formerStatus())],
    { concurrency: 2 }
  )
  return { status, former }
})

/** Of an older daemon, which tells no events, there are no calls. */
const snapshot = Effect.gen(function*() {
  const seen = yield* look
  const { events } = yield* DaemonFeed.pastEvents.pipe(
    Effect.catchIf(({ reason }) => reason === "NotKnown", () => Effect.succeed({ events: [] }))
  )
  const calls = events.filter(({ event }) => event === "called" || event === "refused").slice(-TopState.mostCalls)
  return { ...seen, calls }
})

/** There is none now, or one that ends has not answered any more. */
const isLeaving = ({ reason }: CliFailure): boolean => ["NotRunning", "NotAdmitted", "NotStarted"].includes(reason)

const live = Effect.gen(function*() {
  const { stdout } = yield* Shell
  const screen = yield* (yield* Screen).hold
  let state = TopState.initial
  let shown: FrameChanges.Shown
  const wantsLook = Latch.makeUnsafe(false)
  const move = (next: TopState.TopState): void => {
    state = next
    redraw.soon()
  }

  const draw = Effect.suspend(() => {
    const frame = TopView.frame(state, { ...screen.size(), hasColor: stdout.hasColor })
    const text = FrameChanges.between(shown, frame)
    shown = frame
    return text === "" ? Effect.void : writeResult(text)
  })
  const redraw = Redraw.make(draw, atMostEvery)

  const details = Effect.fnUntraced(function*(target: TopState.Target) {
    const server = target.name
    const [answer, log] = yield* Effect.all(
      [
        Why.asked(server),
        DaemonFeed.serverLog(server).pipe(Effect.map(({ lines }) => lines), Effect.orElseSucceed(() => []))
      ],
      { concurrency: 2 }
    )
    const { columns } = screen.size()
    const said = log.slice(-mostLogLines).map(({ at, line, pid }) => `${clockOf(at)}  ${pid}  ${line}`)
    const text = Why.described(answer, { columns, hasColor: stdout.hasColor })
    return [...TopView.linesOf(text), ...(said.length === 0 ? [] : ["", "The log:"]), ...said.flatMap(TopView.linesOf)]
  })
  const showDetails = (target: TopState.Target) =>
    details(target).pipe(
      Effect.catch(({ message }) => Effect.succeed(TopView.linesOf(message))),
      Effect.flatMap((lines) =>
        Effect.sync(() => {
          const { mode } = state
          // Another one may be shown by now, or none.
          if (mode._tag === "Details" && TopState.nameOf(mode.target) === TopState.nameOf(target)) {
            move(TopState.described(state, lines))
          }
        })
      )
    )

  const lookNow = Effect.flatMap(look, ({ former, status }) =>
    Effect.suspend(() => {
      move(TopState.looked(state, status, former))
      return state.mode._tag === "Details" ? showDetails(state.mode.target) : Effect.void
    }))
  const looking = Effect.andThen(
    Effect.andThen(Effect.sync(() => wantsLook.closeUnsafe()), lookNow),
    Effect.andThen(Effect.sleep(looksAtMostEvery), Effect.timeoutOption(wantsLook.await, looksAtLeastEvery))
  ).pipe(Effect.forever)
  const listening = Stream.runForEach(DaemonFeed.events(0), (event) =>
    Effect.sync(() => {
      move(TopState.happened(state, event))
      wantsLook.openUnsafe()
    })).pipe(
      // An older one tells no events: its status is looked at, all the same.
      Effect.catchIf(({ reason }) => reason === "NotKnown", () => Effect.never)
    )
  const following = Effect.raceFirst(looking, listening).pipe(
    Effect.catchIf(isLeaving, () => Effect.void),
    Effect.andThen(Effect.sync(() => move(TopState.lost(state, isSeen() ? hasEnded : isNone)))),
    Effect.andThen(Effect.retry(look, { schedule: Schedule.spaced("1 second"), while: isLeaving })),
    Effect.forever
  )
  let wasSeen = false
  const isSeen = (): boolean => wasSeen ||= state.held._tag === "Known"

  const operate = (operation: TopState.Operation, target: TopState.Target) =>
    Effect.gen(function*() {
      const say = (text: string, isBad: boolean): void => move({ ...state, note: { text, isBad } })
      say(`${operation} ${TopState.nameOf(target)} …`, false)
      const server = target.pid === undefined ? target.name : String(target.pid)
      yield* askingDaemon(() => DaemonControl.operate(operation, server)).pipe(
        Effect.match({
          onFailure: ({ message }) => say(message, true),
          onSuccess: (message) => say(message, false)
        })
      )
      wantsLook.openUnsafe()
    })

  /** Succeeds with the exit code at the key that ends it. What takes a while goes on beside it. */
  const obey = Effect.fnUntraced(function*(key: TopKey.TopKey) {
    const [next, wish] = TopState.press(state, key, TopView.pageOf(screen.size()))
    move(next)
    redraw.now()
    switch (wish?._tag) {
      case undefined:
        return undefined
      case "Quit":
        return wish.isInterrupt ? ExitCode.interrupted : ExitCode.ok
      case "Operate":
        yield* Effect.forkScoped(operate(wish.operation, wish.target))
        return undefined
      case "Details":
        yield* Effect.forkScoped(showDetails(wish.target))
        return undefined
      case "Stop":
        yield* screen.stop
        return undefined
      case "Redraw":
        shown = undefined
        return undefined
    }
  })
  const keys = Effect.gen(function*() {
    let rest = ""
    while (true) {
      const take = Queue.take(screen.news)
      const news: ScreenNews | undefined = rest === ""
        ? yield* take
        : Option.getOrUndefined(yield* Effect.timeoutOption(take, keyPatience))
      if (news?._tag === "Gone") return ExitCode.ok
      if (news?._tag === "Resized") {
        shown = undefined
        redraw.now()
        continue
      }
      const read = news === undefined ? { keys: TopKey.last(rest), rest: "" } : TopKey.read(rest + news.text)
      rest = read.rest
      for (const key of read.keys) {
        const exitCode = yield* obey(key)
        if (exitCode !== undefined) return exitCode
      }
    }
  })

  const gone = Effect.as(stdout.gone, ExitCode.ok)
  return yield* Effect.raceFirst(
    Effect.raceFirst(keys, gone),
    Effect.raceFirst(redraw.run, following)
  )
})

const mostLogLines = 200

const isNone = "no daemon is running; the next command that uses a server starts it, such as holdfast tools; waiting"
const hasEnded = "the daemon has ended; waiting for the next one"
