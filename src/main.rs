//! throwaway
use postern::control::{Service, Candidate};
use postern::settings::Zones;
fn main() {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    let mut args = std::env::args().skip(1);
    let store = args.next().unwrap(); let toml = args.next();
    let world = postern::world::World::real();
    smol::block_on(async {
        let s = postern::control::open_local(&world, std::path::Path::new(&store)).await.unwrap();
        if let Some(t) = toml {
            let text = std::fs::read_to_string(t).unwrap();
            let z = Zones{named:&postern::world::zones::named, system: postern::world::zones::system()};
            let mut i = postern::settings::import(&text, &s.history().base(), &z).unwrap();
            for m in &mut i.settings.mailboxes { let l=m.password_label(); m.password = Some(s.seal(&l, &postern::world::Secret::new("yard-secret".into())).unwrap()); m.active = true; m.identity = Some(m.mail_address().unwrap().to_string()); }
            i.settings.portal.token = Some(s.seal("portal.token", &postern::world::Secret::new("tok".into())).unwrap());
            s.apply(Candidate{settings:i.settings, base:s.history().number(), author:"x".into(), note:"x".into(), limit_ms:None}).await.unwrap();
        }
        let e = s.run(true).await.unwrap();
        println!("{} {}", e.clean, e.said);
        s.close().await.unwrap();
    });
}
