<?php
// mail() as a contact form has it: eight bits, and no word of them.
mail('helpdesk@msp.example', 'Kontaktformular: Müller', "Name: Müller\nFrage: Wann öffnen Sie?\n", "From: Formular <web@branch.example>\r\nReply-To: mueller@branch.example\r\nX-Mailer: PHP/8");
