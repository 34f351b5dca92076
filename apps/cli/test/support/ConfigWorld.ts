/** A user with a home and a state of his own, which this process takes for its own while the test runs. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as Adopt from "../../src/commands/adopt.ts"
import * as Import from "../../src/commands/import.ts"
import * as FakeShell from "./FakeShell.ts"

const variables = ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"]

export const make = Effect.acquireRelease(
  Effect.sync(() => {
    const home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "hfw-")))
    const directory = path.join(home, "work")
    fs.mkdirSync(directory)
    const before = variables.map((name) => [name, process.env[name]] as const)
    for (const name of variables) delete process.env[name]
    process.env["HOME"] = home
    const shell = FakeShell.make({ directory })
    const said = () => shell.written.splice(0).join("")
    return {
      home,
      directory,
      before,
      shell,
      /** What was written to the shell since the last time. */
      said,
      write: (file: string, content: string | Uint8Array): string => {
        const absolute = path.resolve(home, file)
        fs.mkdirSync(path.dirname(absolute), { recursive: true })
        fs.writeFileSync(absolute, content)
        return absolute
      },
      adopt: (host: string, options: Partial<Adopt.AdoptInput> = {}) =>
        Adopt.run({
          host,
          json: false,
          undo: false,
          write: true,
          project: false,
          program: Option.some("/usr/bin/holdfast"),
          ...options
        }).pipe(Effect.provide(shell.layer)),
      import: (options: Partial<Import.ImportInput> = {}) =>
        Import.run({
          json: true,
          host: Option.none(),
          write: false,
          config: Option.none(),
          to: Option.none(),
          user: false,
          ...options
        }).pipe(
          Effect.provide(shell.layer),
          // Text of the command, read by the schema of its output where that is wanted.
          Effect.map((exitCode) => ({ exitCode, text: said() }))
        )
    }
  }),
  ({ before, home }) =>
    Effect.sync(() => {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
      fs.rmSync(home, { recursive: true })
    })
)
