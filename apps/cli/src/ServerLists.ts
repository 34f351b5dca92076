/**
 * What several servers say to the same question, each in its own time: few are started at once, and one that cannot be reached does not hide
 * the answers of the others. It is reported on stderr and decides the exit code.
 */
import { McpConnections } from "@holdfast/mcp/McpConnections"
import type { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as StartTurns from "@holdfast/mcp/StartTurns"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as ConfigFile from "./ConfigFile.ts"
import type { FoundConfig } from "./ConfigSearch.ts"
import { ExitCode, exitCodeOf } from "./ExitCode.ts"
import { note } from "./Quiet.ts"
import * as Report from "./Report.ts"
import { Shell } from "./Shell.ts"
import type { Source } from "./Source.ts"
import { printable } from "./Style.ts"
import * as Waiting from "./Waiting.ts"
import { waitingFor } from "./WaitingFor.ts"

export interface ListInput {
  readonly json: boolean
  /** For each server, from its own start. */
  readonly deadline: Option.Option<Duration.Duration>
  /** How many servers are started at once. */
  readonly concurrency: Option.Option<number>
}

export interface Listed<out A> {
  readonly server: string
  readonly answer: Result.Result<A, McpRuntimeError>
}

/** Asks one server. */
export type Ask<A> = (
  mcp: McpConnections["Service"],
  server: string,
  deadline: Duration.Duration | undefined
) => Effect.Effect<A, McpRuntimeError>

/** How long a listing of all servers waits for each, unless it is said: one that hangs must not hide the others for minutes. */
export const patience = Duration.seconds(15)

/** One server, as long as its own limits allow. */
export const one = <A>(input: ListInput, { config }: Source, server: string, ask: Ask<A>) =>
  list(input, [server], config, Option.getOrUndefined(input.deadline), ask)

/** Every server that is not switched off. */
export const all = <A>(input: ListInput, { config }: Source, ask: Ask<A>) => {
  const names = [...config.servers.keys(), ...config.unusable.keys()].filter((name) => !config.switchedOff.has(name))
  return list(input, names, config, Option.getOrElse(input.deadline, () => patience), ask)
}

/** Says of the servers that have not answered why, and of those that were not asked. Succeeds with the exit code. */
export const report = Effect.fnUntraced(function*(
  input: ListInput,
  config: FoundConfig,
  listed: ReadonlyArray<Listed<unknown>>,
  /** True: no server was named. */
  isAll: boolean
) {
  let exitCode: ExitCode = ExitCode.ok
  for (const { answer } of listed) {
    if (Result.isSuccess(answer)) continue
    exitCode = exitCode === ExitCode.ok ? exitCodeOf(answer.failure.reason) : exitCode
    yield* Report.failure(answer.failure, input.json)
  }
  if (!isAll) return exitCode
  if (!input.json) yield* leftOut(input, config, listed)
  // What lies behind a file that cannot be read is not known.
  if (config.fault === undefined) return exitCode
  const faulty = yield* Report.ending(config.fault, input.json)
  return exitCode === ExitCode.ok ? faulty : exitCode
})

const leftOut = Effect.fnUntraced(function*(
  input: ListInput,
  config: FoundConfig,
  listed: ReadonlyArray<Listed<unknown>>
) {
  const off = [...config.switchedOff]
  if (off.length > 0) {
    for (const [file, names] of Map.groupBy(off, (name) => ConfigFile.fileOf(config, name))) {
      yield* note(`holdfast: switched off in ${printable(file)}: ${printable(names.join(", "))}\n`)
    }
  }
  if (Option.isNone(input.deadline) && listed.some(isLate)) {
    yield* note(
      `  Listing all servers waits ${Duration.toSeconds(patience)} s for each; --deadline 1m waits longer.\n`
    )
  }
})

/** What every answer is in JSON, or the error in its place. */
export const toJson = <A>(listed: ReadonlyArray<Listed<A>>, answerOf: (answer: A) => object): ReadonlyArray<object> =>
  listed.map(({ answer, server }) =>
    Result.isSuccess(answer)
      ? { server, ...answerOf(answer.success) }
      : { server, error: Report.errorJson(answer.failure.reason._tag, answer.failure.message) }
  )

/** Those that have answered. */
export const answered = <A>(
  listed: ReadonlyArray<Listed<A>>
): ReadonlyArray<{ readonly server: string; readonly answer: A }> =>
  listed.flatMap(({ answer, server }) => Result.isSuccess(answer) ? [{ server, answer: answer.success }] : [])

/** What to say where there is nothing to show. */
export const nothing = (
  config: FoundConfig,
  listed: ReadonlyArray<Listed<unknown>>,
  what: string
): Effect.Effect<void, never, Shell> =>
  listed.some(({ answer }) => Result.isFailure(answer))
    ? Effect.void
    : listed.length > 0
    ? note(`no ${what}\n`)
    : config.switchedOff.size > 0
    ? Effect.void
    : note("no servers are configured\n")

const list = <A>(
  { concurrency }: ListInput,
  servers: ReadonlyArray<string>,
  config: FoundConfig,
  deadline: Duration.Duration | undefined,
  ask: Ask<A>
): Effect.Effect<ReadonlyArray<Listed<A>>, never, McpConnections | Shell> =>
  Effect.scoped(Effect.gen(function*() {
    const mcp = yield* McpConnections
    const turns = yield* StartTurns.make(Option.getOrUndefined(concurrency))
    const waiting = yield* Waiting.make
    const open = new Set(servers)
    waiting.say(waitingFor(open, config))
    return yield* Effect.forEach(
      servers,
      (server) =>
        Effect.map(Effect.result(turns.take(ask(mcp, server, deadline))), (answer): Listed<A> => {
          open.delete(server)
          waiting.say(waitingFor(open, config))
          return { server, answer }
        }),
      { concurrency: "unbounded" }
    )
  }))

const isLate = ({ answer }: Listed<unknown>): boolean =>
  Result.isFailure(answer) && answer.failure.reason._tag === "DeadlineExceeded" &&
  answer.failure.reason.kind === "caller"
