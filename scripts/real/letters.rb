# Mails of Ruby's mail, into the folder that this runs in.
require 'mail'

def keep(name, mail)
  File.binwrite("#{name}.eml", mail.encoded)
end

keep('ruby-mail-two-forms-picture-and-file', Mail.new do
  from 'Ticketsystem Süd <desk@branch.example>'
  to 'helpdesk@msp.example'
  subject 'Änderung an Vorgang 12: Drucker im Büro'
  date Time.utc(2026, 11, 2, 8).to_s
  message_id '<ruby1@branch.example>'
  add_file filename: 'übersicht.txt', content: "Stand: heute\n"
  text_part { content_type 'text/plain; charset=UTF-8'; body "Der Vorgang wurde geändert – siehe Anhang.\n" }
  html_part { content_type 'text/html; charset=UTF-8'; body '<p>Der Vorgang wurde <b>geändert</b>.</p>' }
end)
