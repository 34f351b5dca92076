/** `holdfast reset`, `drain` and `close`, which are words of `holdfast daemon`, too. */
import type { Operation } from "@holdfast/daemon/DaemonControl"
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"

const descriptions: Readonly<Record<Operation, string>> = {
  reset: "Forget the failures of a server, and try it again at once",
  drain: "Lend a server's processes to no new program: each ends when its last user leaves",
  close: "End a server's processes now; their users go on with new ones"
}

/** The three words below `holdfast` or `holdfast daemon`. */
const below = (path: string) => {
  const operation = (name: Operation) =>
    CliCommand.make(
      name,
      {
        server: Argument.String("server").pipe(
          Argument.withDescription("Its name, or the number of its process: see holdfast status")
        )
      },
      Effect.fnUntraced(function*({ server }) {
        const { json } = yield* root
        const { operate } = yield* Effect.promise(() => import("../commands/daemon.ts"))
        yield* Ref.set(yield* Outcome, yield* operate(name, server, json))
      })
    ).pipe(
      CliCommand.withDescription(descriptions[name]),
      CliCommand.annotate(Help.Usage, `${path} ${name} <server>`),
      CliCommand.withExamples([
        { command: `${path} ${name} fs`, description: "All processes of the server" },
        { command: `${path} ${name} 4711`, description: "The process of this number alone" }
      ])
    )
  return [operation("reset"), operation("drain"), operation("close")] as const
}

export const [reset, drain, close] = below("holdfast")
export const ofDaemon = below("holdfast daemon")
