import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { scripts } from "../src/CompletionScripts.ts"
import { makeDirectory, run } from "./support/Cli.ts"
import { keepTools } from "./support/KeptTools.ts"
import { program } from "./support/program.ts"

const config = `{ // as editors have it
  "mcpServers": { "fs": { "command": "fs-server" }, "web:one": { "url": "https://example.org" }, "web:two": { "url": "https://example.org" }, }
}`

/** The words as Bash takes them apart, and what it completes the last of them with. */
const completed = (cwd: string, environment: Readonly<Record<string, string>>, cases: ReadonlyArray<Case>) => {
  const calls = cases.map(({ breaks, line, pieces }) =>
    `${breaks === undefined ? "" : `COMP_WORDBREAKS=${breaks}; `}COMP_LINE='${line}' COMP_POINT=${line.length} ` +
    `COMP_CWORD=${pieces.length - 1}; COMP_WORDS=(${pieces.map((each) => `'${each}'`).join(" ")}); _holdfast 2>&1; ` +
    "printf '%s|' \"${COMPREPLY[@]}\"; echo"
  )
  const script = `holdfast() { "$NODE" $MAIN "$@"; }\n${scripts.bash}\nCOMP_WORDBREAKS=$' \\t\\n"\\'@><=;|&(:'\n${
    calls.join("\n")
  }`
  const { status, stderr, stdout } = spawnSync("bash", ["--norc", "-c", script], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...environment, NODE: program[0], MAIN: program[1] ?? "" }
  })
  assert.deepStrictEqual([status, stderr], [0, ""])
  return stdout.trimEnd().split("\n").map((line) => line.split("|").filter((each) => each !== ""))
}

interface Case {
  readonly line: string
  readonly pieces: ReadonlyArray<string>
  readonly breaks?: string
}

describe("holdfast completion", () => {
  it("makes Bash complete words that it takes apart itself, and starts nothing", () => {
    using directory = makeDirectory(config)
    const environment = { XDG_STATE_HOME: directory.path, HOME: directory.path, XDG_RUNTIME_DIR: "" }
    keepTools(environment)
    const before = fs.readdirSync(path.join(directory.path, "holdfast"))
    const answers = completed(directory.path, environment, [
      { line: "holdfast compl", pieces: ["holdfast", "compl"] },
      { line: "holdfast call ", pieces: ["holdfast", "call", ""] },
      { line: "holdfast why web:t", pieces: ["holdfast", "why", "web", ":", "t"] },
      { line: "holdfast why web:", pieces: ["holdfast", "why", "web", ":"] },
      { line: "holdfast call fs write ", pieces: ["holdfast", "call", "fs", "write", ""] },
      {
        line: "holdfast call fs.write path=x mode=",
        pieces: ["holdfast", "call", "fs.write", "path", "=", "x", "mode", "="]
      },
      { line: "holdfast call fs.write mode=o", pieces: ["holdfast", "call", "fs.write", "mode", "=", "o"] },
      { line: "holdfast why web:t", pieces: ["holdfast", "why", "web:t"], breaks: "' '" }
    ])
    assert.deepStrictEqual(answers, [
      ["complete", "completion"],
      ["fs", "web:one", "web:two"],
      ["two"],
      ["one", "two"],
      ["mode=", "path=", "at="],
      ["over", "a\\ b"],
      ["over"],
      ["web:two"]
    ])
    assert.deepStrictEqual(fs.readdirSync(path.join(directory.path, "holdfast")), before)
  })

  it("prints the script of a shell, and nothing of a config that is none", async () => {
    using directory = makeDirectory("{ no config")
    const script = await run(directory.path, ["completion", "bash"])
    assert.deepStrictEqual(script, { code: 0, stdout: scripts.bash, stderr: "" })
    const broken = await run(directory.path, ["__complete", "call", "-c", ".mcp.json", ""])
    assert.deepStrictEqual(broken, { code: 0, stdout: "", stderr: "" })
    const other = await run(directory.path, ["completion", "tcsh"])
    assert.deepStrictEqual([other.code, other.stdout], [2, ""])
  })
})
