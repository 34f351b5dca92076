import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import * as os from "node:os"
import * as path from "node:path"
import * as HomeDirectory from "../src/HomeDirectory.ts"

const listed = os.userInfo().homedir

describe("the home directory", () => {
  it("is HOME where that is an absolute path, else that of the list of users", () => {
    assert.strictEqual(HomeDirectory.of({ HOME: "/home/a" }), "/home/a")
    for (const HOME of [undefined, "", "relative", "."]) assert.strictEqual(HomeDirectory.of({ HOME }), listed, HOME)
  })

  it.skipIf(process.getuid?.() !== 0)("is the root folder for a user that is in no list", () => {
    const module = path.resolve(import.meta.dirname, "../src/HomeDirectory.ts")
    const text = `import(${JSON.stringify(module)}).then(({ of }) => { process.setuid(54321); console.log(of({})) })`
    assert.strictEqual(execFileSync(process.execPath, ["-e", text], { encoding: "utf8", cwd: "/" }), "/\n")
  })
})
