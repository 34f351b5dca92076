/** Guides whose readers type: each is walked as one of `docs/start` is, with the `holdfast` of this repository and Debian's Ansible and Python. */
import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Os from "node:os"
import * as Path from "node:path"
import { walk } from "../packaging/Walk.ts"
import { holdfast } from "../Programs.ts"

const filesystem = Path.dirname(
  createRequire(import.meta.url).resolve("@modelcontextprotocol/server-filesystem/package.json")
)

/** A folder in which the commands are installed. */
const place = (): string => {
  const folder = Fs.realpathSync(Fs.mkdtempSync(Path.join(Os.tmpdir(), "hf-test-guide-")))
  const bin = Path.join(folder, "node_modules/.bin")
  Fs.mkdirSync(bin, { recursive: true })
  Fs.writeFileSync(Path.join(bin, "holdfast"), `#!/bin/sh\nexec '${process.execPath}' '${holdfast}' "$@"\n`, {
    mode: 0o755
  })
  Fs.mkdirSync(Path.join(folder, "node_modules/@modelcontextprotocol"))
  Fs.symlinkSync(filesystem, Path.join(folder, "node_modules/@modelcontextprotocol/server-filesystem"))
  Fs.symlinkSync(Path.join(filesystem, "dist/index.js"), Path.join(bin, "mcp-server-filesystem"))
  return folder
}

describe("a guide", () => {
  it.each(["shell", "operator", "ansible-and-python"])(
    "for %s: what is typed prints what the page says",
    async (name) => {
      const folder = place()
      try {
        assert.isAbove(await walk(`docs/guides/${name}.md`, folder), 4)
      } finally {
        Fs.rmSync(folder, { recursive: true, maxRetries: 10 })
      }
    }
  )
})
