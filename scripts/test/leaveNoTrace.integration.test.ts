import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { leftProcesses } from "../vitest/LeaveNoTrace.ts"
import { processTable } from "../vitest/ProcessTable.ts"

const root = Path.resolve(import.meta.dirname, "../..")

/** Runs vitest on one planted test, with the house's set-up and reporter. */
const runPlanted = (body: string) => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "trace-"))
  try {
    const config = {
      test: {
        globals: true,
        pool: "forks",
        include: ["planted.test.ts"],
        globalSetup: [Path.join(root, "scripts/vitest/LeaveNoTrace.ts")],
        reporters: [Path.join(root, "scripts/vitest/SummaryReporter.ts")]
      }
    }
    Fs.writeFileSync(Path.join(folder, "vitest.config.mjs"), `export default ${JSON.stringify(config)}`)
    Fs.writeFileSync(
      Path.join(folder, "planted.test.ts"),
      `import { spawn } from "node:child_process"\nimport * as Fs from "node:fs"\nimport * as Os from "node:os"\n${body}`
    )
    const vitest = Path.join(root, "node_modules/vitest/vitest.mjs")
    const { status, stderr, stdout } = spawnSync(process.execPath, [vitest, "run", "--root", folder], {
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" }
    })
    return { status, output: stdout + stderr }
  } finally {
    Fs.rmSync(folder, { recursive: true })
  }
}

const isAlive = (pid: number): boolean => processTable().some((entry) => entry.pid === pid && entry.state !== "Z")

describe("after a test run", () => {
  it("a process that is left fails the run, is named and removed", () => {
    const { output, status } = runPlanted(
      "it(\"leaks\", () => { spawn(\"sleep\", [\"600\"], { detached: true, stdio: \"ignore\" }).unref() })"
    )
    assert.notStrictEqual(status, 0)
    assert.match(output, /1 passed, 0 failed/)
    const pid = Number(/process (\d+) \(.\) sleep 600/.exec(output)?.[1])
    assert.isAbove(pid, 0, output)
    assert.isFalse(isAlive(pid))
  })

  it("a process with an environment of its own is found by its TMPDIR", () => {
    const { output, status } = runPlanted(
      "it(\"leaks\", () => { spawn(\"sleep\", [\"600\"], { detached: true, stdio: \"ignore\", " +
        "env: { PATH: process.env.PATH, TMPDIR: Os.tmpdir() } }).unref() })"
    )
    assert.notStrictEqual(status, 0)
    assert.match(output, /process \d+ \(.\) sleep 600/)
  })

  it("a temporary file that is left fails the run", () => {
    const { output, status } = runPlanted("it(\"leaks\", () => { Fs.mkdtempSync(`${Os.tmpdir()}/left-`) })")
    assert.notStrictEqual(status, 0)
    assert.match(output, /file {4}\S+\/left-/)
  })

  it("a reaper at work is waited for, with the ledger that it removes in the end", () => {
    // What it does takes longer than what is left otherwise may; its name and its ledger are all that is known of it.
    const reaper = "echo at work >$1; i=0; while [ $i -lt 60 ]; do i=$((i+1)); sleep 0.1; done; rm $1"
    const { output, status } = runPlanted(
      "it(\"leaves a reaper\", async () => { const ledger = `${Os.tmpdir()}/ledger`; Fs.writeFileSync(ledger, \"\"); " +
        `const script = "${reaper}"; ` +
        "spawn(\"setsid\", [\"-f\", \"sh\", \"-c\", script, \"holdfast-reaper\", ledger], " +
        "{ stdio: \"ignore\", env: { PATH: process.env.PATH } }); " +
        "while (Fs.statSync(ledger).size === 0) await new Promise((done) => setTimeout(done, 5)) })"
    )
    assert.strictEqual(status, 0, output)
  })

  it("a worker that has not ended yet is not left, nor its reaper, which ends with it; its other children are", () => {
    const vitest = { pid: process.pid, parent: 1, state: "S", command: "vitest", environment: [] }
    const worker = { ...vitest, pid: 1_000_001, parent: vitest.pid, command: "worker" }
    const reaper = { ...worker, pid: 1_000_002, parent: worker.pid, command: "/bin/sh -c script holdfast-reaper id" }
    const server = { ...worker, pid: 1_000_003, parent: worker.pid, command: "server" }
    const orphan = { ...reaper, pid: 1_000_004, parent: server.pid }
    const left = leftProcesses("no tag", "/no/folder", [vitest, worker, reaper, server, orphan])
    assert.deepStrictEqual(left.map(({ pid }) => pid), [server.pid, orphan.pid])
  })

  it("a test that cleans up after itself passes", () => {
    const { output, status } = runPlanted(
      "it(\"cleans up\", async () => { const child = spawn(\"sleep\", [\"600\"]); " +
        "const exit = new Promise((done) => child.once(\"exit\", done)); child.kill(); await exit; " +
        "Fs.rmdirSync(Fs.mkdtempSync(`${Os.tmpdir()}/gone-`)) })"
    )
    assert.strictEqual(status, 0, output)
    assert.match(output, /^1 passed, 0 failed$/m)
  })

  it("the last line counts modules that do not load as failures", () => {
    const { output, status } = runPlanted("throw new Error(\"does not load\")")
    assert.notStrictEqual(status, 0)
    assert.match(output, /^0 passed, 1 failed$/m)
  })
})
