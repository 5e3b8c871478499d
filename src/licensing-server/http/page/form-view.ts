import { type Html, html, type Part } from '../../../html.ts'
import { commandLine } from './command-line.ts'
import { type FieldError, type FieldName, type FormValues, fieldNames } from './submission.ts'

/** Why no license was issued, as the page tells it. */
export interface Trouble {
  heading: string
  /** What happened, and what helps. */
  message: string
  hint: string | null
  errors: FieldError[]
  representative: { name: string; email: string; phone: string | null } | null
  /** For whoever is asked for help: the code of the problem, and the id of the exchange. */
  reference: string | null
}

/** Where a link of the error summary leads. */
const anchors: Record<FieldName, string> = {
  request: 'request-file',
  installationKey: 'installation-key',
  sessions: 'sessions',
}

export function formView(values: FormValues, trouble: Trouble | null): Html {
  const errors = new Map(trouble?.errors.map(({ field, message }) => [field, message]))
  return html`
${trouble === null ? null : errorSummary(trouble)}
<h1>Activate a machine by hand</h1>
<p class="lead">For a machine that cannot reach the licensing server by itself. You carry two small files: its request to this page, and its license back.</p>
<ol class="steps">
<li>
<h2>On the machine: make the request</h2>
${commandLine('sessionctl activate --request-file request.jws')}
<p>Copy <code>request.jws</code> to the device on which you read this. It holds no secret. For a seat of Studio, add <code class="whole">--product studio</code>.</p>
</li>
<li>
<h2>Here: send the request</h2>
<form method="post" action="/" enctype="multipart/form-data" novalidate>
${requestField(values, errors.get('request'))}
${keyField(values, errors.get('installationKey'))}
${sessionsField(values, errors.get('sessions'))}
<button type="submit">Get the license</button>
</form>
</li>
<li>
<h2>On the machine: install the license</h2>
${commandLine('sessionctl license install license.jws')}
<p>Calls go on while it is installed.</p>
</li>
</ol>`
}

/** It takes the focus when the page opens, so that a screen reader says at once what happened. */
function errorSummary(trouble: Trouble): Html {
  const { heading, message, hint, errors, representative, reference } = trouble
  const links = errors.map(error => html`<li><a href="#${anchors[error.field]}">${error.message}</a></li>`)
  return html`<div class="notice error" role="alert" tabindex="-1" autofocus aria-labelledby="trouble">
<h2 id="trouble">${heading}</h2>
${message === '' ? null : html`<p>${message}</p>`}
${links.length > 0 ? html`<ul>${links}</ul>` : null}
${hint === null ? null : html`<p>${sayHint(hint, representative)}</p>`}
${reference === null ? null : html`<p class="reference">${reference}</p>`}
</div>`
}

/**
 * Texts of the licensing scheme mark commands with back quotes, and name whom to ask: on a phone, one touch
 * away. Where the text does not, it follows.
 */
function sayHint(hint: string, representative: Trouble['representative']): Part {
  const commands = hint
    .split('`')
    .map((piece, index) => (index % 2 === 1 ? html`<code>${piece}</code>` : piece))
  if (representative === null) return commands
  const { name, email, phone } = representative
  const links: [text: string, address: string][] = [[email, `mailto:${email}`]]
  if (phone !== null) links.push([phone, `tel:${phone.replace(/[^0-9+]/g, '')}`])
  if (!hint.includes(email)) {
    const rest = links.slice(1).map(link => [', ', anchor(link)])
    return [commands, ` Your account representative is ${name}: `, anchor(links[0]!), rest, '.']
  }
  return links.reduce(linkText, commands as Part[])
}

/** Turns a text where it stands into a link. */
function linkText(parts: readonly Part[], link: readonly [text: string, address: string]): Part[] {
  return parts.flatMap(part => {
    if (typeof part !== 'string') return [part]
    return part
      .split(link[0])
      .flatMap((piece, index): Part[] => (index === 0 ? [piece] : [anchor(link), piece]))
  })
}

function anchor([text, address]: readonly [text: string, address: string]): Html {
  return html`<a href="${address}">${text}</a>`
}

function requestField({ request }: FormValues, error: string | undefined): Html {
  const described = describedBy('request-hint', error, 'request-error')
  return html`<fieldset class="field${error === undefined ? '' : ' wrong'}">
<legend>Request of the machine</legend>
<p class="hint" id="request-hint">The file <code>request.jws</code> from step 1, as it is.</p>
${errorText('request-error', error)}
<label for="request-file" class="minor">Choose the file</label>
<input type="file" id="request-file" name="${fieldNames.requestFile}" accept=".jws,application/jose,text/plain" aria-describedby="${described}"${invalid(error)}>
<details${request === '' ? null : html` open`}>
<summary>Or paste its text</summary>
<label for="request-text" class="minor">Text of the request</label>
<textarea id="request-text" name="${fieldNames.request}" rows="5" spellcheck="false" autocomplete="off" autocapitalize="off">
${request}</textarea>
</details>
</fieldset>`
}

function keyField({ installationKey }: FormValues, error: string | undefined): Html {
  const described = describedBy('installation-key-hint', error, 'installation-key-error')
  return html`<div class="field${error === undefined ? '' : ' wrong'}">
<label for="installation-key">Installation key</label>
<p class="hint" id="installation-key-hint">Needed the first time that a machine is activated; otherwise leave it empty. 25 letters and digits; capitals, spaces and hyphens do not matter.</p>
${errorText('installation-key-error', error)}
<input type="text" id="installation-key" name="${fieldNames.installationKey}" value="${installationKey}" maxlength="200" autocomplete="off" autocapitalize="characters" spellcheck="false" class="mono" aria-describedby="${described}"${invalid(error)}>
</div>`
}

function sessionsField({ sessions }: FormValues, error: string | undefined): Html {
  const described = describedBy('sessions-hint', error, 'sessions-error')
  return html`<div class="field${error === undefined ? '' : ' wrong'}">
<label for="sessions">Number of sessions</label>
<p class="hint" id="sessions-hint">How many sessions the machine shall own in all. Left empty, it is as the request says, or as many as the machine owns already. What a machine owns is never lowered. For Studio leave it empty.</p>
${errorText('sessions-error', error)}
<input type="text" id="sessions" name="${fieldNames.sessions}" value="${sessions}" maxlength="10" inputmode="numeric" autocomplete="off" class="short" aria-describedby="${described}"${invalid(error)}>
</div>`
}

function describedBy(hintId: string, error: string | undefined, errorId: string): string {
  return error === undefined ? hintId : `${errorId} ${hintId}`
}

function invalid(error: string | undefined): Part {
  return error === undefined ? null : html` aria-invalid="true"`
}

function errorText(id: string, error: string | undefined): Part {
  return error === undefined
    ? null
    : html`<p class="error-text" id="${id}"><span class="unseen">Error: </span>${error}</p>`
}
