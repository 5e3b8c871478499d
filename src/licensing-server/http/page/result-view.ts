import { type Html, html } from '../../../html.ts'
import type { License } from '../../../license/document.ts'
import { sayValidity } from '../../../license/lifecycle.ts'
import { count } from '../../ledger/refusals.ts'
import type { ConfirmationAnswer, LicenseAnswer } from '../../service.ts'
import { commandLine } from './command-line.ts'
import { licenseFileName } from './license-file.ts'

/** Where the license is turned into a file, and the name of the only field of that form. */
export const licenseFilePath = '/license-file'
export const licenseField = 'license'

/** Where one revocation list is had as a file, by the order in which the service gives them. */
export const revocationFilePath = '/revocation-lists'

export function licenseView(answer: LicenseAnswer, license: License): Html {
  const file = licenseFileName(license)
  const { deactivated } = answer
  return html`
<div class="notice good" role="status" tabindex="-1" autofocus>
<h1>${deactivated ? 'This machine is being deactivated' : 'The license is ready'}</h1>
<p>${deactivated ? deactivationText : 'Download it, and carry it to the machine.'}</p>
${answer.repeated ? html`<p>This request was answered before: it is the same license again, and nothing was claimed twice.</p>` : null}
<form method="post" action="${licenseFilePath}" enctype="multipart/form-data">
<input type="hidden" name="${licenseField}" value="${answer.license}">
<button type="submit">Download <span class="whole">${file}</span></button>
</form>
</div>
${facts(answer, license)}
<h2>On the machine</h2>
${commandLine(`sessionctl license install ${file}`)}
${deactivated ? afterDeactivation : html`<p>Calls go on while it is installed.</p>`}
${revocationLinks(answer)}
<details>
<summary>Text of the license</summary>
<label for="license-text" class="minor">The same as the file, to be copied</label>
<textarea id="license-text" rows="5" readonly spellcheck="false">${answer.license}</textarea>
</details>
<p><a href="/">Send another request</a></p>`
}

const deactivationText =
  'What it owned moves to another machine. This license grants nothing; once it is installed, the machine confirms that it was deactivated.'

const afterDeactivation = html`<p>Then make the confirmation there, and send it on this page like a request:</p>
${commandLine('sessionctl activate --request-file confirmation.jws')}`

function facts({ units, unit, deactivated }: LicenseAnswer, license: License): Html {
  const { installationId, generation, licenseId, customer } = license
  return html`<dl class="facts">
<div><dt>Customer</dt><dd>${customer.name}</dd></div>
<div><dt>The machine owns</dt><dd>${deactivated ? 'nothing any more' : count(units, unit)}</dd></div>
${deactivated ? null : html`<div><dt>Valid</dt><dd>${sayValidity(license)}</dd></div>`}
<div><dt>Installation</dt><dd><code>${installationId}</code>, generation ${generation}</dd></div>
<div><dt>License</dt><dd><code>${licenseId}</code></dd></div>
</dl>`
}

function revocationLinks({ revocationLists }: LicenseAnswer): Html | null {
  if (revocationLists.length === 0) return null
  const links = revocationLists.map(
    (_, index) =>
      html`<li><a href="${revocationFilePath}/${index + 1}">Download the list${revocationLists.length === 1 ? '' : ` ${index + 1}`}</a></li>`,
  )
  return html`<h2>Revoked certificates</h2>
<p>Take the list of revoked certificates along, so that the machine believes nothing that was signed with a stolen key. Keep it there before the license is installed:</p>
${commandLine('sessionctl license revocations revoked.jws')}
<ul>${links}</ul>`
}

export function confirmationView({ installationId, repeated }: ConfirmationAnswer): Html {
  return html`
<div class="notice good" role="status" tabindex="-1" autofocus>
<h1>The deactivation is confirmed</h1>
<p>Installation <code>${installationId}</code> owns nothing any more. ${repeated ? 'It had been confirmed before.' : ''}</p>
</div>
<h2>What comes next</h2>
<p>Activate the machine to which the claim moves: make its request, and send it with the key that your account representative gave for the transfer.</p>
<p><a href="/">Send another request</a></p>`
}
