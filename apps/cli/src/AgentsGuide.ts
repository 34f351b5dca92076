/**
 * `holdfast help agents`: how a language model's agent uses this program, on one page.
 */

export const agentsGuide = `# holdfast for agents

\`holdfast tools\` lists what can be called, \`holdfast tools <server>.<tool>\` the arguments of one tool, and
\`holdfast call <server>.<tool> key=value\` calls it. \`--json\` makes results and errors JSON.
`
