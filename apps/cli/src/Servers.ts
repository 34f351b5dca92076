/**
 * The servers of a config as a command reaches them: through the daemon, which keeps them for the next command, or started by this one.
 * The session of a server behind a url is kept in the same way.
 */
import * as DaemonLink from "@holdfast/daemon/DaemonLink"
import type { ClientHandlers } from "@holdfast/mcp/ClientHandlers"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as path from "node:path"
import type { FoundConfig } from "./ConfigSearch.ts"
import { note } from "./Quiet.ts"
import { Shell } from "./Shell.ts"

/** The call that the hot path has begun through the daemon, if it has. */
export const BegunCall = Context.Reference<DaemonLink.BegunCall | undefined>("holdfast/BegunCall", {
  defaultValue: () => undefined
})

/** What a command wants of its servers besides. */
export interface More {
  /** False: no file has the servers, so that the daemon could look them up. Default: true. */
  readonly isFile?: boolean | undefined
  /** What servers may ask of this command. Default: nothing. */
  readonly handlers?: ClientHandlers | undefined
  /** True: a legacy server has this command alone, so that it can ask it. Default: it shares its process with others that ask once. */
  readonly isHost?: boolean | undefined
}

/** `direct`: every server is started by this command, and ends with it. */
export const layer = (
  config: FoundConfig,
  direct: boolean,
  { handlers, isFile = true, isHost = false }: More = {}
) =>
  Layer.unwrap(Effect.gen(function*() {
    const { directory, usesDaemon, version } = yield* Shell
    const isThroughDaemon = usesDaemon && !direct
    const begun = yield* BegunCall
    const context = yield* Effect.context<Shell>()
    let isTold = false
    const onDirect = (why: string): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (isTold) return Effect.void
        isTold = true
        return Effect.provide(note(`holdfast: without the daemon: ${why}\n`), context)
      })
    const use = isHost ? "host" : "once"
    const servers = [...config.servers].map(([name, server]) => {
      const { endpoint } = server
      const file = path.resolve(directory, config.origins.get(name)?.file ?? config.file)
      // By its name, since its entry also says how it is shared.
      const wants = isFile ? { server: name, config: file } : undefined
      return [
        name,
        isThroughDaemon
          ? { ...server, endpoint: DaemonLink.through(endpoint, { program: "holdfast", wants, use, onDirect, begun }) }
          : server
      ] as const
    })
    return McpConnections.layer({ ...config, servers: new Map(servers) }, {
      clientInfo: { name: "holdfast", version },
      handlers
    })
  }))
