;;; letters.el --- what message-mode and MML of Emacs write  -*- lexical-binding: t -*-
(require 'message)
(require 'mml)
(require 'rfc822)
(setq user-full-name "Owen Rees"
      user-mail-address "owen@branch.example"
      mail-host-address "branch.example"
      message-user-fqdn "branch.example"
      message-send-mail-function 'message-send-mail-with-sendmail
      sendmail-program "/usr/sbin/sendmail"
      message-interactive nil
      message-confirm-send nil
      message-setup-hook nil)
(defun letter (subject body)
  "Send BODY, which may hold MML, under SUBJECT."
  (message-mail "helpdesk@msp.example" subject)
  (message-goto-body)
  (insert body)
  (message-send-and-exit))
(letter "Parts of Emacs"
        "Grüße,\n<#multipart type=alternative>\n<#part type=text/plain>\nein *Wort*\n<#part type=text/html>\n<p>ein <b>Wort</b></p>\n<#/multipart>\n<#part type=\"application/pdf\" filename=\"/tmp/Angebot Müller.pdf\" disposition=attachment>\n<#/part>\n")
(setq mml-enable-flowed t fill-flowed-encode-column 66)
(let ((use-hard-newlines t))
  (message-mail "helpdesk@msp.example" "Flowed")
  (use-hard-newlines 1 'never)
  (message-goto-body)
  (insert "The printer on the second floor prints only half of each page since this morning, and nobody knows why that is so.")
  (insert (propertize "\n" 'hard t))
  (insert "Please help.")
  (insert (propertize "\n" 'hard t))
  (message-send-and-exit))
