/**
 * Records what is said between a client and its servers.
 *
 * Two uses, one format (`Recording`):
 * - a flight recorder for a program: `recorder` among the options of `McpConnections` and `openMcp` keeps the last messages of each
 *   connection in memory, and writes them out when a call fails;
 * - everything: `Recorder.tap` wraps the opener of all links, whatever they lead to.
 *
 * Promises
 * - Heads are always kept: direction, time, method, id, tool, size. Bodies only on request, and in bounded room.
 * - Secrets are taken out while recording: the values of the endpoint's environment and headers, its `secrets` and those of the options, and
 *   every member whose name says that it is one (`password`, `apiKey`, `token`). Of headers only the names are recorded, of an environment
 *   nothing.
 * - A recorder that fails is told in the log. No call notices.
 *
 * **Gotchas**: a secret that no config, no option and no name gives away stays in the bodies. Read a recording before you give it away.
 *
 * @example
 * ```ts
 * import { McpConnections } from "@holdfast/mcp"
 *
 * export const servers = McpConnections.layerFile("mcp.json", { recorder: { to: "recordings", bodies: true } })
 * ```
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as RecordedLink from "./internal/recording/RecordedLink.ts"
import { isSecretName } from "./internal/recording/redactBody.ts"
import type { OpenLink } from "./LinkOpener.ts"
import * as Recording from "./Recording.ts"

/** The flight recorder of a program. Only `to` must be said. */
export interface RecorderOptions {
  /**
   * A folder, made if it is missing, for a file of each failure, which no other user may read; or a function that is given the recording.
   * What the function throws, or its promise rejects with, is told in the log, once.
   */
  readonly to: string | ((recording: Recording.Recording) => void)
  /** Keeps what is in the messages, not only their heads, so that the recording can be replayed. Default: false. */
  readonly bodies?: boolean | undefined
  /** Events that are kept of each connection, 32 at least. Default: 512. */
  readonly maxEvents?: number | undefined
  /** Characters of bodies that are kept of each connection. Default: 1 048 576. */
  readonly maxBodies?: number | undefined
  /** Files that are kept in the folder: past it the oldest is removed. Default: 20. */
  readonly keep?: number | undefined
  /** Values to be kept out, beside those that the endpoints redact. Default: none. */
  readonly secrets?: ReadonlyArray<string | Redacted.Redacted> | undefined
}

/** How everything is recorded. Nothing of it must be said. */
export interface TapOptions {
  /** Default: true. */
  readonly bodies?: boolean | undefined
  /** Values to be kept out, beside those that the endpoints redact. Default: none. */
  readonly secrets?: ReadonlyArray<string | Redacted.Redacted> | undefined
}

/** Tells each line of a recording, the head first, as it comes. */
export type OnLine = (line: Recording.Head | Recording.Event) => void

/**
 * Gives a wrapper for `LinkOpener`, and tells `onLine` the head of the recording at once and every event of every link from then on. What
 * `onLine` throws is told in the log.
 *
 * @example
 * ```ts
 * import { LinkOpener } from "@holdfast/mcp/LinkOpener"
 * import { Recorder } from "@holdfast/mcp/Recorder"
 * import * as Recording from "@holdfast/mcp/Recording"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * export const loud = Layer.effect(LinkOpener, Recorder.tap((line) => console.error(Recording.encodeLine(line))))
 * ```
 */
const tap = (onLine: OnLine, options: TapOptions = {}): Effect.Effect<(open: OpenLink) => OpenLink> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const { bodies = true, secrets = [] } = options
    let connections = 0
    onLine({
      holdfast: "recording",
      version: Recording.version,
      startedAt: new Date(yield* Clock.currentTimeMillis).toISOString(),
      bodies
    })
    const recorded: RecordedLink.RecordedLinkOptions = {
      bodies,
      secrets: secrets.map((secret) => typeof secret === "string" ? Redacted.make(secret) : secret),
      now: RecordedLink.clockFrom(clock),
      onConnection: () => ({
        connection: ++connections,
        onMessage: (message) => onLine(message.toEvent()),
        onEvent: onLine
      })
    }
    return (open) => RecordedLink.wrap(open, recorded)
  })

export {
  /** Whether a member, a variable or a flag of this name is taken for a secret: `password`, `apiKey`, `GITHUB_TOKEN`. */
  isSecretName
}

/** Ways to record. */
export const Recorder = { tap } as const
