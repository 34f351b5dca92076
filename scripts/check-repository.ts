/** Fails on dead links in Markdown, registry hosts and conflict markers. The rules: `docs/RepositoryRules.ts`. */
import * as Path from "node:path"
import { checkRepository, repositoryFiles } from "./docs/RepositoryRules.ts"

const root = Path.resolve(import.meta.dirname, "..")
const files = repositoryFiles(root)
const violations = checkRepository(root, files)
for (const { message, place } of violations) console.error(`${place}  ${message}`)
console.log(`${files.length} files: ${violations.length} against the rules`)
process.exitCode = violations.length === 0 ? 0 : 1
