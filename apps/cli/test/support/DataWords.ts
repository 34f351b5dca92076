/** The words for data, run in this process with a server that is one. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as path from "node:path"
import { run } from "../../src/Program.ts"
import { makeDirectory } from "./Cli.ts"
import * as FakeShell from "./FakeShell.ts"

export const server = path.resolve(import.meta.dirname, "talkingServer.ts")
export const stdio = ["--stdio", `'${process.execPath}' '${server}'`]

export interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** The words with the server of the config, `talk`. */
export const says = (
  words: ReadonlyArray<string>,
  options: Parameters<typeof FakeShell.make>[0] & { readonly files?: (directory: string) => void } = {}
): Effect.Effect<Said> =>
  Effect.gen(function*() {
    const directory = yield* Effect.acquireDisposable(
      Effect.sync(() => makeDirectory({ mcpServers: { talk: { command: process.execPath, args: [server] } } }))
    )
    options.files?.(directory.path)
    const shell = FakeShell.make({ ...options, directory: directory.path })
    const file = path.join(directory.path, ".mcp.json")
    const config = words.includes("--stdio") || words.includes("--url") ? [] : ["-c", file]
    const code = yield* Effect.provide(run([...words, ...config]), shell.layer)
    return { code, out: shell.out.join(""), err: shell.err.join("") }
  }).pipe(Effect.scoped, Effect.orDie)

export const decoded = <A>(schema: Schema.Codec<A>, text: string): A =>
  Schema.decodeUnknownSync(schema)(JSON.parse(text))
