/**
 * `holdfast share <server>`: remembers that hosts share one process of a server of the legacy era, or forgets it.
 *
 * The server is one of the config, or one that the daemon has, such as one behind `holdfast wrap`.
 */
import * as DaemonControl from "@holdfast/daemon/DaemonControl"
import * as DaemonPlace from "@holdfast/daemon/DaemonPlace"
import * as SharedServers from "@holdfast/daemon/SharedServers"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { askingDaemon, inDaemonFiles } from "../AskingDaemon.ts"
import { CliFailure } from "../CliFailure.ts"
import * as ConfigFile from "../ConfigFile.ts"
import { ExitCode } from "../ExitCode.ts"
import type * as ShareOutput from "../outputs/share.ts"
import { note } from "../Quiet.ts"
import { printable } from "../Style.ts"
import { writeResult } from "../WriteResult.ts"

export interface ShareInput {
  readonly config: Option.Option<string>
  readonly server: string
  readonly undo: boolean
  readonly json: boolean
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*({ config, json, server, undo }: ShareInput) {
  const place = yield* inDaemonFiles(() => DaemonPlace.open())
  const remembered = (yield* inDaemonFiles(() => SharedServers.list(place))).filter(({ name }) => name === server)
  const found = undo && remembered.length > 0 ? remembered : [yield* find(place, config, server)]
  const file = place.shared.list
  const tell = (words: string, answer: Omit<typeof ShareOutput.Output.Type, "server" | "file">) =>
    json
      ? writeResult(`${JSON.stringify({ server, ...answer, file })}\n`)
      : note(`${printable(server)} ${words} ${file}\n`)
  if (undo) {
    const removed = yield* inDaemonFiles(() => found.map(({ digest }) => SharedServers.remove(place, digest)))
    const hasChanged = removed.includes(true)
    yield* hasChanged
      ? tell("is shared no more, from the next host on; forgotten in", { isShared: false, hasChanged })
      : json
      ? tell("", { isShared: false, hasChanged })
      : note(`${printable(server)} was not shared; ${file} is as it was\n`)
    return ExitCode.ok
  }
  const hasChanged = yield* inDaemonFiles(() => {
    const before = SharedServers.list(place).map(({ digest }) => digest)
    for (const each of found) SharedServers.add(place, each)
    return found.some(({ digest }) => !before.includes(digest))
  })
  yield* tell("is shared from the next host on; remembered in", { isShared: true, hasChanged })
  return ExitCode.ok
})

const find = Effect.fnUntraced(function*(
  place: DaemonPlace.DaemonPlace,
  named: Option.Option<string>,
  server: string
) {
  const loaded = ConfigFile.load(named)
  const config = Option.isSome(named) ? Option.some(yield* loaded) : yield* Effect.option(loaded)
  const entry = Option.getOrUndefined(config)?.servers.get(server)
  if (entry === undefined) return yield* findHeld(place, server)
  const { endpoint, hosts } = entry
  if (endpoint._tag !== "Stdio") return yield* refuse(`${server} is behind a url: no host starts a process for it`)
  if (hosts?.instances !== undefined) {
    return yield* refuse(`${server} says "instances" in the config: each host has a process of its own`)
  }
  return { name: server, digest: yield* inDaemonFiles(() => SharedServers.ensureDigest(place, endpoint)) }
})

/** One that the daemon has, by its name or the number of its process. */
const findHeld = Effect.fnUntraced(function*(place: DaemonPlace.DaemonPlace, server: string) {
  // From now on the daemon can digest.
  yield* inDaemonFiles(() => SharedServers.ensureDigest(place, { command: "", args: [] }))
  const servers = yield* askingDaemon(() => DaemonControl.status(place)).pipe(
    Effect.map((status) => status.servers),
    Effect.catchIf(({ reason }) => reason === "NotRunning", () => Effect.succeed([]))
  )
  const rows = servers.filter(({ name, pid }) => name === server || String(pid) === server)
  const kinds = new Map(rows.map((row) => [row.digest, row]))
  const [first] = kinds.values()
  if (first?.digest === undefined) {
    return yield* refuse(
      `neither the config nor the daemon has a server ${server}; holdfast daemon status shows the daemon's`
    )
  }
  if (kinds.size > 1) {
    const each = [...kinds.values()].map(({ command, pid }) => `  ${pid ?? "-"}  ${printable(command)}`).join("\n")
    return yield* refuse(`there are several servers ${server}; name one by the number of its process`, each)
  }
  if (first.instance !== undefined) {
    return yield* refuse(`${server} says "instances": each host has a process of its own`)
  }
  return { name: first.name, digest: first.digest }
})

const refuse = (message: string, details?: string) =>
  Effect.fail(
    new CliFailure({ exitCode: ExitCode.usage, reason: "NotShareable", message: printable(message), details })
  )
