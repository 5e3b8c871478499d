/** Text that roff takes for nothing else: no escape, no request, hyphens that can be typed again. */
export function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^([.'])/gm, '\\&$1')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('…', '...')
}

export function heading(title: string): string {
  return `.SH ${title}\n`
}

export function paragraph(text: string): string {
  return `.PP\n${escaped(text)}\n`
}

/** A term in bold, and what it means. */
export function item(term: string, meaning: string, placeholder = ''): string {
  const shown = placeholder === '' ? '' : ` \\fI${escaped(placeholder)}\\fR`
  return `.TP\n\\fB${escaped(term)}\\fR${shown}\n${escaped(meaning)}\n`
}

/** A line as it is typed. */
export function example(line: string, meaning: string): string {
  return `.TP\n${escaped(meaning)}\n.nf\n${escaped(line)}\n.fi\n`
}

export function page(name: string, section: string, version: string, at: number, body: string): string {
  const date = new Date(at * 1000).toISOString().slice(0, 10)
  return `.TH ${name.toUpperCase()} ${section} ${date} "sessiond ${version}" "Call Services"\n.nh\n.ad l\n${body}`
}
