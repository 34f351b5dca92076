/**
 * Fails on dead links in Markdown, registry hosts, conflict markers and code blocks that are not the file they are said to be. The rules:
 * `docs/RepositoryRules.ts`. `--write` puts the files into such blocks first.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { checkRepository, repositoryFiles, withFiles } from "./docs/RepositoryRules.ts"

const root = Path.resolve(import.meta.dirname, "..")
const files = repositoryFiles(root)
if (process.argv.includes("--write")) {
  for (const file of files.filter((file) => file.endsWith(".md")).map((file) => Path.join(root, file))) {
    const text = Fs.readFileSync(file, "utf8")
    const written = withFiles(root, text)
    if (written !== text) Fs.writeFileSync(file, written)
  }
}
const violations = checkRepository(root, files)
for (const { message, place } of violations) console.error(`${place}  ${message}`)
console.log(`${files.length} files: ${violations.length} against the rules`)
process.exitCode = violations.length === 0 ? 0 : 1
