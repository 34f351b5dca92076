/** Opening what lies under a root: on Linux, and where no system tells of descriptors. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as openInside from "../src/internal/openInside.ts"
import { plant, temporaryFolder } from "./support/temporaryFolder.ts"

const systems = { "as Linux tells of descriptors": undefined, "as other systems do": "/nowhere" }

describe("a path that was swapped after it was opened", () => {
  it.live("is not what was opened, though it is inside again", () =>
    Effect.gen(function*() {
      const root = yield* temporaryFolder
      plant(root, { "a.txt": "one", "b.txt": "other" })
      const descriptor = fs.openSync(path.join(root, "a.txt"), "r")
      assert.isTrue(openInside.isSame(root, Buffer.from(path.join(root, "a.txt")), descriptor))
      assert.isFalse(openInside.isSame(root, Buffer.from(path.join(root, "b.txt")), descriptor))
      fs.closeSync(descriptor)
    }))
})

for (const [name, proc] of Object.entries(systems)) {
  describe(`under a root, ${name}`, () => {
    const tried = (file: string, root: string): string => {
      const opened = openInside.file(root, file, proc)
      if ("reason" in opened) return opened.reason
      const text = fs.readFileSync(opened.descriptor, "utf8")
      fs.closeSync(opened.descriptor)
      return text
    }

    it.live("files are opened, and nothing that a link leads to, wherever the link stands", () =>
      Effect.gen(function*() {
        const folder = yield* temporaryFolder
        const root = path.join(folder, "root")
        plant(folder, { "root/in/a.txt": "inside", "out/a.txt": "outside", "root2/a.txt": "beside" })
        fs.symlinkSync(path.join(folder, "out"), path.join(root, "link"))
        fs.symlinkSync(path.join(folder, "out/a.txt"), path.join(root, "a.txt"))
        const leadsOut = "it leads out of the root: something was swapped for a link"
        assert.strictEqual(tried("in/a.txt", root), "inside")
        assert.strictEqual(tried("link/a.txt", root), leadsOut)
        assert.strictEqual(tried("a.txt", root), "it is a link now")
        assert.strictEqual(tried("../root2/a.txt", root), leadsOut)
        assert.strictEqual(tried("in", root), "it is no file any more")
        assert.strictEqual(tried("none", root), "it is gone")
        assert.strictEqual(tried("n".repeat(300), root), "it cannot be read: ENAMETOOLONG")
        assert.deepStrictEqual(openInside.folder(root, "link/../link", proc), { reason: "it is gone" })
        const listed = openInside.folder(root, "in", proc)
        assert.deepStrictEqual("reason" in listed ? [] : listed.map((entry) => entry.name.toString()), ["a.txt"])
      }))

    it.live("no descriptor is left open by what was refused", () =>
      Effect.gen(function*() {
        const folder = yield* temporaryFolder
        plant(folder, { "root/a.txt": "inside", "out/a.txt": "outside" })
        fs.symlinkSync(path.join(folder, "out"), path.join(folder, "root/link"))
        const lowest = () => {
          const descriptor = fs.openSync(path.join(folder, "out/a.txt"), "r")
          fs.closeSync(descriptor)
          return descriptor
        }
        const before = lowest()
        for (const one of ["link/a.txt", "a.txt", "none"]) tried(one, path.join(folder, "root"))
        openInside.folder(path.join(folder, "root"), "link", proc)
        openInside.folder(path.join(folder, "root"), "", proc)
        assert.strictEqual(lowest(), before)
      }))
  })
}
