/** Files, or parts of them, that a test makes: it compares them, and with `UPDATE=1` writes them. */
import * as fs from "node:fs"

/** What is there and what was made, as far as `comparable` tells; with `UPDATE=1` the one is made the other. */
export const compared = (
  file: string,
  made: string,
  comparable: (text: string) => string = (text) => text
): { readonly found: string; readonly made: string } => {
  const found = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : ""
  const isUpToDate = comparable(found) === comparable(made)
  if (isUpToDate || (process.env["UPDATE"] ?? "") === "") return { found: comparable(found), made: comparable(made) }
  fs.writeFileSync(file, made)
  return { found: comparable(made), made: comparable(made) }
}
