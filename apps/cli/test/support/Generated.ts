/** Files, or parts of them, that a test makes: it compares them, and with `UPDATE=1` writes them. */
import { assert } from "@effect/vitest"
import * as fs from "node:fs"

/** What is there must be equal to what was made, as far as `comparable` tells. */
export const check = (file: string, made: string, comparable: (text: string) => string = (text) => text): void => {
  const found = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : ""
  if (comparable(found) === comparable(made)) return
  if ((process.env["UPDATE"] ?? "") !== "") return fs.writeFileSync(file, made)
  assert.strictEqual(comparable(found), comparable(made), `${file} is not up to date: UPDATE=1 writes it anew`)
}
