/**
 * Wraps the platform: the working directory.
 *
 * `pnpm holdfast` in a clone runs in the clone's root, but its words and files mean the folder that it was called in. Any other
 * package's script means its own root, as its author wrote it.
 */
export const goWhereTheUserIs = (): void => {
  const { INIT_CWD: calledFrom, npm_lifecycle_event: script, npm_package_name: owner } = process.env
  if (owner === "holdfast-workspace" && script === "holdfast" && calledFrom !== undefined) process.chdir(calledFrom)
}
