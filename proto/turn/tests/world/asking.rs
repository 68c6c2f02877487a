//! How clients ask: by challenge and seal.

use super::{Answer, CAPTURED_MAX, REALM, USERS, World, code};
use moim_stun::attribute::{Nonce, PasswordAlgorithm, PasswordAlgorithms, Realm as RealmAttribute, Username};
use moim_stun::{
    BuildError, Class, Integrity, IntegrityCheck, Message, MessageBuilder, Method, SHA256_LEN, Seal,
    TransactionId,
};
use moim_turn::attribute::{MobilityTicket, RequestedTransport};
use moim_turn::{FiveTuple, method};

impl World {
    /// Asks as `user`, after a challenge if need be. What was sent comes with the answer.
    pub(super) fn ask(
        &mut self,
        client: FiveTuple,
        user: usize,
        method: Method,
        build: &dyn Fn(&mut MessageBuilder<'_>) -> Result<(), BuildError>,
    ) -> (Answer, Vec<u8>) {
        for _ in 0..2 {
            let nonce = self.nonce(client);
            let message = self.signed(user, method, &nonce, build);
            let answers = self.give(client, &message);
            let [answer] = answers.as_slice() else { panic!("a request has one answer") };
            let code = code(answer);
            if code == Some(438) {
                self.nonces.remove(&client);
                continue;
            }
            self.check_seal(user, answer);
            if self.captured.len() == CAPTURED_MAX {
                self.captured.remove(0);
            }
            self.captured.push((client, message.clone()));
            self.forget_freed();
            return (Answer { bytes: answer.clone(), code }, message);
        }
        panic!("a fresh nonce is good");
    }

    /// A request of a user: one of them is of RFC 5389, the other of RFC 8489.
    pub(super) fn signed(
        &mut self,
        user: usize,
        method: Method,
        nonce: &str,
        build: &dyn Fn(&mut MessageBuilder<'_>) -> Result<(), BuildError>,
    ) -> Vec<u8> {
        let (md5, sha256) = self.keys[user].clone();
        let integrity = if user == 0 { Integrity::Sha1(&md5) } else { Integrity::Sha256(&sha256) };
        self.build(Class::Request, method, Seal { integrity, fingerprint: user == 0 }, &|builder| {
            build(builder)?;
            builder.attribute(&Username(USERS[user]))?;
            builder.attribute(&RealmAttribute(REALM))?;
            builder.attribute(&Nonce(nonce))?;
            if user == 0 {
                return Ok(());
            }
            builder.attribute(&PasswordAlgorithms::SHA256_THEN_MD5)?;
            builder.attribute(&PasswordAlgorithm::SHA256)
        })
    }

    pub(super) fn build(
        &mut self,
        class: Class,
        method: Method,
        seal: Seal<'_>,
        build: &dyn Fn(&mut MessageBuilder<'_>) -> Result<(), BuildError>,
    ) -> Vec<u8> {
        self.next_id += 1;
        let mut id = [0; 12];
        id[4..].copy_from_slice(&self.next_id.to_be_bytes());
        let mut buffer = [0; 2048];
        let mut builder = MessageBuilder::new(&mut buffer, class, method, TransactionId(id)).unwrap();
        build(&mut builder).unwrap();
        builder.finish(seal).unwrap().to_vec()
    }

    /// A nonce for a client, from a challenge.
    pub(super) fn nonce(&mut self, client: FiveTuple) -> String {
        if let Some(nonce) = self.nonces.get(&client) {
            return nonce.clone();
        }
        let request = self.build(Class::Request, method::ALLOCATE, Seal::default(), &|builder| {
            builder.attribute(&RequestedTransport::UDP)
        });
        let answers = self.give(client, &request);
        let [answer] = answers.as_slice() else { panic!("a request has one answer") };
        let nonce = Message::parse(answer).unwrap().get::<Nonce<'_>>().unwrap().unwrap().0.to_owned();
        self.nonces.insert(client, nonce.clone());
        nonce
    }

    /// Gives the server a message, and takes what it answers to its sender.
    pub(super) fn give(&mut self, client: FiveTuple, message: &[u8]) -> Vec<Vec<u8>> {
        self.driver.to_clients.clear();
        self.driver.to_peers.clear();
        self.driver.client_sends(client, message, self.now);
        let answers = self.driver.to_clients.iter().filter(|(to, _)| *to == client);
        answers.map(|(_, bytes)| bytes.clone()).collect()
    }

    /// RFC 8489 §9.2.4: a response is sealed as the request was.
    pub(super) fn check_seal(&self, user: usize, answer: &[u8]) {
        let message = Message::parse(answer).unwrap();
        let (md5, sha256) = &self.keys[user];
        let check =
            if user == 0 { message.check_sha1(md5) } else { message.check_sha256(sha256, SHA256_LEN) };
        assert_eq!(check, IntegrityCheck::Valid);
    }

    pub(super) fn keep_ticket(&mut self, client: FiveTuple, answer: &[u8]) {
        let message = Message::parse(answer).unwrap();
        let MobilityTicket(ticket) = message.get().unwrap().expect("it was asked for");
        self.tickets.insert(client, ticket.to_vec());
    }
}
