//! Against a server that breaks off where it is told to.

use ogent_protocol::EventKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

fn output(n: u64, text: &str) -> String {
    let data = serde_json::json!({
        "specversion": "1.0", "id": format!("c1/{n}"), "source": "/agents/web-1", "subject": "c1",
        "time": "2026-05-01T08:00:00Z", "datacontenttype": "application/json", "type": "ogent.command.output",
        "data": {"stream": "stdout", "offset": 0, "data": text}
    });
    format!("id: {n}\nevent: ogent.command.output\ndata: {data}\n\n")
}

/// Answers one connection after the other with these texts; gives back the `last-event-id` of each request.
async fn serve(answers: Vec<String>) -> (Client, tokio::task::JoinHandle<Vec<Option<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let served = tokio::spawn(async move {
        let mut ids = Vec::new();
        for answer in answers {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(connection.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap().to_lowercase();
            ids.push(head.lines().find_map(|line| line.strip_prefix("last-event-id: ")).map(str::to_owned));
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
        ids
    });
    (Client::new(url, None).unwrap(), served)
}

/// What a follower hears: the text of output, `!` where the connection broke, `.` at the end.
async fn hear(client: &Client) -> Result<String, ClientError> {
    let mut follow = client.follow(&"c1".parse().unwrap());
    let mut heard = String::new();
    loop {
        match follow.next().await? {
            News::Event(event) => match event.kind {
                EventKind::Output(chunk) => heard.push_str(std::str::from_utf8(chunk.data.as_bytes()).unwrap()),
                other => panic!("unexpected {other:?}"),
            },
            News::Proposal(event) => {
                heard.push('?');
                heard.push_str(&event.n.to_string());
            }
            News::Interrupted(_) => heard.push('!'),
            News::End => return Ok(heard + "."),
        }
    }
}

#[tokio::test]
async fn a_broken_connection_is_taken_up_where_it_broke() {
    let half = output(2, "c");
    let (client, served) = serve(vec![
        format!("{HEAD}: hello\n\n{}{}{}", output(0, "a"), output(1, "b"), &half[..half.len() / 2]),
        "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned(),
        // A server that does not know Last-Event-ID begins again: what was heard is not heard twice.
        format!("{HEAD}{}{}{}{}event: end\ndata: {{}}\n\n", output(0, "a"), output(1, "b"), half, output(3, "d")),
    ])
    .await;
    assert_eq!(hear(&client).await.unwrap(), "ab!cd.");
    assert_eq!(served.await.unwrap(), [None, Some("1".to_owned()), Some("1".to_owned())]);
}

#[tokio::test]
async fn what_happens_to_an_approval_is_heard_once() {
    let proposal = |n: u64, kind: &str| {
        let data = serde_json::json!({
            "specversion": "1.0", "id": format!("c1/{n}"), "source": "/approvals/web-1", "subject": "c1",
            "time": "2026-05-01T08:00:00Z", "datacontenttype": "application/json", "type": kind,
            "data": {"by": "alice", "at": "2026-05-01T08:00:00Z", "reason": "no"}
        });
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let (first, second) = (proposal(0, "ogent.approval.withdrawn"), proposal(1, "ogent.approval.denied"));
    let unknown = proposal(2, "ogent.approval.of_a_later_version");
    let (client, served) = serve(vec![
        format!("{HEAD}{first}"),
        format!("{HEAD}{first}{second}{unknown}{}event: end\ndata: {{}}\n\n", output(0, "a")),
    ])
    .await;
    assert_eq!(hear(&client).await.unwrap(), "?0!?1a.");
    assert_eq!(served.await.unwrap(), [None, None]);
}

#[tokio::test]
async fn a_refusal_is_final() {
    let refused = "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let (client, _served) = serve(vec![format!("{HEAD}{}", output(0, "a")), refused.to_owned()]).await;
    assert_eq!(hear(&client).await.unwrap_err().status(), Some(401));
}
