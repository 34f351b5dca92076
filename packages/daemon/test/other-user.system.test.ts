import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Home from "./support/Home.ts"

/** Another user of the machine, whom Debian calls nobody. */
const nobody = 65_534

const tries = `
  const net = require("node:net"), fs = require("node:fs"), [socket, token] = process.argv.slice(1)
  const code = (f) => { try { f(); return "read" } catch (error) { return error.code } }
  net.connect(socket).once("connect", () => done("connected")).once("error", ({ code }) => done(code))
  const done = (word) => { console.log(word, code(() => fs.readFileSync(token))); process.exit(0) }
`

describe("the daemon", () => {
  it("is out of reach of another user, who can neither connect nor read the token, though all may enter the folder above", async () => {
    await using home = Home.make()
    for (const folder of [path.dirname(home.directory), home.directory]) fs.chmodSync(folder, 0o711)
    await Home.finish(Home.client(home))
    const { socket, token } = home.place()
    // To become another user takes root, as the packages of these tests do.
    const child = spawn(process.execPath, ["-e", tries, socket, token], {
      uid: nobody,
      gid: nobody,
      cwd: "/",
      stdio: ["ignore", "pipe", "inherit"]
    })
    assert.strictEqual((await Home.finish(child)).stdout, "EACCES EACCES\n")
    assert.strictEqual(Number((await Home.finish(Home.client(home))).stdout), home.daemonPid())
  })
})
