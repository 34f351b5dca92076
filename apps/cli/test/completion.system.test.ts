/** A Tab in each shell, as it is pressed: on a pseudo-terminal, with the script that `holdfast completion` prints. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import type { shells } from "../src/CompletionScripts.ts"
import { makeDirectory } from "./support/Cli.ts"
import { keepTools } from "./support/KeptTools.ts"
import { main } from "./support/program.ts"
import * as Terminal from "./support/Terminal.ts"

/** Completes as ours does, and else prints the words that it was given. */
const holdfast = `#!/bin/sh
case $1 in
  __complete | completion) exec '${process.execPath}' '${main}' "$@" ;;
  *) printf '<%s>' "$@"; echo ' it is' ;;
esac
`

const config = {
  mcpServers: {
    fs: { command: "fs-server" },
    "web:one": { url: "https://example.org" },
    "web:two": { url: "https://example.org" }
  }
}

/** How each is started, and what makes it ready. */
const starts: Readonly<Record<typeof shells[number], readonly [command: string, setup: string]>> = {
  bash: ["bash --norc --noprofile -i", "eval \"$(holdfast completion bash)\""],
  zsh: ["zsh -f -i", "autoload -U compinit; compinit -u -D; eval \"$(holdfast completion zsh)\""],
  fish: ["fish -N -i", "holdfast completion fish | source"]
}

/** What is typed, and the words that come of it. */
const lines: ReadonlyArray<readonly [typed: string, words: string]> = [
  ["holdfast daemon sto\t", "<daemon><stop>"],
  ["holdfast why web:t\t", "<why><web:two>"],
  ["holdfast call fs.wr\tpat\tx mode=o\t", "<call><fs.write><path=x><mode=over>"],
  ["holdfast call fs write mode=a\t", "<call><fs><write><mode=a b>"],
  ["holdfast call fs.write path=somefi\t", "<call><fs.write><path=somefile.txt>"]
]

describe("a Tab", () => {
  for (const [shell, [command, setup]] of Object.entries(starts)) {
    it(`in ${shell} completes words, servers, tools, arguments, their values and files`, async () => {
      assert.isUndefined(spawnSync(shell, ["--version"]).error, `no ${shell}: install Debian's package ${shell}`)
      using directory = makeDirectory(config)
      const environment = { XDG_STATE_HOME: directory.path, HOME: directory.path, XDG_RUNTIME_DIR: "" }
      keepTools(environment)
      fs.mkdirSync(path.join(directory.path, "bin"))
      fs.writeFileSync(path.join(directory.path, "bin", "holdfast"), holdfast, { mode: 0o755 })
      fs.writeFileSync(path.join(directory.path, "somefile.txt"), "")
      const terminal = Terminal.startCommand(directory.path, command, {
        ...environment,
        PATH: `${path.join(directory.path, "bin")}:${process.env["PATH"]}`,
        TERM: "dumb",
        TMPDIR: directory.path
      })
      // What is typed is shown, too.
      terminal.type(`${setup}; echo rea''dy\r`)
      await terminal.sees("ready")
      for (const [typed, words] of lines) {
        terminal.type(`${typed}\r`)
        await terminal.sees("> it is")
        assert.include(terminal.shown(), words)
      }
      terminal.type("exit\r")
      assert.strictEqual((await terminal.ended).code, 0)
    })
  }
})
