//! Other languages, and the character sets that offices still send them in.

use super::Pen;
use crate::mime::{encode, word, Part};

pub(super) fn write(pen: &mut Pen) {
    pen.foreign("U-01", "ISO-8859-1", "Telefonanlage: Ansage läuft rückwärts", "Guten Tag,\n\ndie Ansage \"Sie rufen außerhalb unserer Öffnungszeiten an\" läuft seit heute\nfrüh rückwärts. Klingt wie Schwedisch. Bitte ändern.\n\nJürgen Wölfle\n");
    pen.foreign("U-08", "ISO-8859-2", "Zgłoszenie: brak dostępu do serwera", "Dzień dobry,\n\nod rana żaden kierowca nie może się zalogować. Źródło problemu nieznane,\nłącze działa.\n\nPozdrawiam\nŁukasz Kowalczyk\n");
    pen.foreign("U-07", "ISO-8859-15", "Caisse : le symbole € manque", "Bonjour,\n\nsur les factures, « 120 € » devient « 120 ¤ ». Un client a demandé quelle\nmonnaie c'était. Un œil là-dessus ?\n\nFrançois Béranger\n");
    pen.foreign("U-03", "windows-1252", "The “smart quotes” aren’t", "Hello,\n\nsince the update every “quote” in our letters prints as a box — even in\nthe doctor’s name. Costs: about €40 in reprints so far…\n\nPriya\n");
    pen.foreign("U-10", "Shift_JIS", "プリンターが動きません", "お世話になっております。\n\n二階のプリンターが今朝から動きません。電源は入っていますが、\n画面に「E-02」と表示されます。ご確認をお願いいたします。\n\n田中\n");
    pen.foreign("U-11", "ISO-2022-JP", "パスワードの再設定について", "サポート担当者様\n\nパスワードを忘れてしまいました。再設定をお願いします。\n付箋には書いていませんので、ご安心ください。\n\n鈴木\n");
    pen.foreign("U-16", "GB18030", "仓库电脑无法开机", "您好：\n\n仓库的电脑今天早上无法开机，按电源键没有反应。\n茶叶不怕等，客户怕。请尽快处理。\n\n李文\n");
    pen.foreign("U-14", "KOI8-R", "Не работает сканер на складе", "Добрый день!\n\nСканер штрих-кодов на складе не видит коды с утра. Протирали, уговаривали.\nПожалуйста, помогите до отгрузки в 15:00.\n\nС уважением,\nИрина Соколова\n");
    pen.foreign("U-15", "windows-1251", "Доступ к общей папке", "Здравствуйте!\n\nПосле переезда в новый кабинет папка «Отчёты» открывается только на чтение.\n\nПавел Журавлёв\n");
    pen.plain("U-10", "会議室のカメラについて（至急）", "お世話になっております。\n\n会議室のカメラに蓋がついたままでした。解決しました。\nお騒がせして申し訳ございません。🙇\n\n田中\n");
    pen.plain("U-02", "Emoji im Kassensystem 🥨🥨🥨", "Der Artikel \"Brezel 🥨\" erscheint auf dem Bon als \"Brezel ????\".\nDie Kundschaft fragt, ob das der Preis ist.\n\nÄnne\n");

    // The file name in the character set of the sender, continued over several lines.
    let letter = pen.letter("U-11", "図面のファイルが開けません");
    let pdf = crate::bulk::pdf(&mut pen.random, 44_000);
    let parts = [
        Part::text(
            "plain",
            "UTF-8",
            "添付の図面が開けません。よろしくお願いいたします。\n\n鈴木\n",
        ),
        Part::attachment(
            "application/pdf",
            "図面_第三版_最終_修正済み_確認用.pdf",
            &pdf,
        ),
    ];
    pen.send(letter, Part::multi("mixed", "=_sakura_drawing", &parts));

    // A file name as an encoded word inside quotes: forbidden by RFC 2047 §5, sent every day.
    let letter = pen.letter("U-14", "Накладная не печатается");
    let name = word("Накладная.pdf", "UTF-8");
    let small = crate::bulk::pdf(&mut pen.random, 12_000);
    let coded = String::from_utf8_lossy(&crate::mime::base64_lines(&small)).into_owned();
    let parts = [
        Part::text("plain", "KOI8-R", "Накладная во вложении печатается пустой.\n\nИрина\n"),
        Part::raw(&format!("Content-Type: application/pdf; name=\"{name}\"\nContent-Disposition: attachment; filename=\"{name}\"\nContent-Transfer-Encoding: base64\n\n{coded}")),
    ];
    pen.send(letter, Part::multi("mixed", "=_talisman_waybill", &parts));

    // Octets in one character set under the name of another.
    let letter = pen.letter("U-09", "Kodowanie w programie magazynowym");
    let octets = encode("windows-1250", "Zażółć gęślą jaźń - tak miało wyglądać.\n");
    let escaped: String = octets
        .iter()
        .map(|b| {
            if b.is_ascii() {
                (*b as char).to_string()
            } else {
                format!("={b:02X}")
            }
        })
        .collect();
    pen.send(letter, Part::raw(&format!("Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: quoted-printable\n\n{escaped}")));

    // Flowed text (RFC 3676).
    let letter = pen.letter("U-12", "Opening hours on the phone system");
    pen.send(letter, Part::raw("Content-Type: text/plain; charset=utf-8; format=flowed\nContent-Transfer-Encoding: 8bit\n\nThe phone says that we open at nine on Sundays. We do not. Nobody has ever \nopened a library at nine on a Sunday.\n\nBéa\n"));
}
